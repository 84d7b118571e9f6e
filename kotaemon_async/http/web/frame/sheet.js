// On a phone: conversations, language, theme and health, over everything else.

import { store } from "./store.js";

export const sheet = store({ isOpen: false });

export const showSheet = () => sheet.set({ isOpen: true });

export const hideSheet = () => sheet.set({ isOpen: false });
