// How the modules of a bundle find each other; the server writes them below, each in a function of its own.

const factories = new Map();
const made = new Map();

function define(name, factory) {
  if (!factories.has(name)) factories.set(name, factory);
}

function from(name) {
  if (!made.has(name)) {
    made.set(name, null); // seen again before it is made: a circle, which the tests forbid
    made.set(name, factories.get(name)());
  }
  return made.get(name);
}

async function load(name) {
  if (!factories.has(name)) {
    (await import(new URL(CHUNKS[name], import.meta.url))).install(define, from, load);
  }
  return from(name);
}
