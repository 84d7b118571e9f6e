// Where one reads in a conversation: it follows the text as it grows, unless the person looks at something else, and
// it keeps its place when the column becomes narrower or wider.

import { hasCard } from "../frame/overlays.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const NEAR_END_PX = 120;

/** {list, looked, isFollowing, toEnd, hold}: `hold(node)` keeps that in its place at the next change of width. */
export function useScroll({ talk, turns, phase, aimed }) {
  const list = useRef(null);
  const follows = useRef(true);
  const anchor = useRef(null);
  const [isFollowing, setFollowing] = useState(true);

  const looked = () => {
    if (!list.current) return; // a last event of a list that has gone
    follows.current = isNearEnd(list.current);
    setFollowing(follows.current);
    anchor.current = anchorIn(list.current);
  };
  const toEnd = () => {
    follows.current = true;
    list.current?.scrollTo(0, list.current.scrollHeight);
    looked();
  };
  const hold = (node) => {
    const held = node?.isConnected && list.current?.contains(node) ? node : null;
    if (held) anchor.current = { node: held, top: topOf(held, list.current), isHeld: true };
  };

  useLayoutEffect(() => {
    follows.current = true;
    anchor.current = null;
  }, [talk]);
  useLayoutEffect(() => {
    if (follows.current && !isLookedAt(list.current)) list.current.scrollTop = list.current.scrollHeight;
    setFollowing(isNearEnd(list.current));
  }, [turns]);
  useEffect(() => {
    const found = aimed && list.current.querySelector(`[data-answer="${CSS.escape(aimed)}"]`);
    if (!found) return;
    follows.current = false;
    found.scrollIntoView({ block: "start" });
  }, [aimed, phase === "ready"]);
  useEffect(() => keepPlace(list.current, anchor, follows), []);
  return { list, looked, isFollowing, toEnd, hold };
}

const isNearEnd = (node) => node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_END_PX;

const topOf = (node, list) => node.getBoundingClientRect().top - list.getBoundingClientRect().top;

/** Whether something in the text is held: it must not run away from under the pointer, the selection or the focus. */
function isLookedAt(list) {
  const selection = getSelection();
  const isSelected = selection.rangeCount > 0 && !selection.isCollapsed &&
    list.contains(selection.anchorNode);
  return isSelected || hasCard() || Boolean(document.activeElement?.closest(".answer"));
}

/** What stands at the top now, and how far below the list's edge. */
function anchorIn(list) {
  const edge = list.getBoundingClientRect().top;
  for (const node of list.querySelectorAll(".asked, .answer > *, .sources")) {
    const { bottom, top } = node.getBoundingClientRect();
    if (bottom > edge + 1) return { node, top: top - edge };
  }
  return null;
}

/** Puts what was looked at back into its place whenever the list is as wide or as high as it was not before. */
function keepPlace(list, anchor, follows) {
  let before = `${list.clientWidth} ${list.clientHeight}`;
  const watch = new ResizeObserver(() => {
    const now = `${list.clientWidth} ${list.clientHeight}`;
    if (now === before) return;
    before = now;
    const { node, top, isHeld } = anchor.current ?? {};
    if (node?.isConnected && (isHeld || !follows.current)) list.scrollTop += topOf(node, list) - top;
    else if (follows.current) list.scrollTop = list.scrollHeight;
    if (isHeld) anchor.current = anchorIn(list);
  });
  watch.observe(list);
  return () => watch.disconnect();
}
