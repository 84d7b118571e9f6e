// How the modules of a bundle find each other; the server writes them below, each in a function of its own.

const factories = new Map();
const made = new Map();
let missed = 0;

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
    const address = new URL(CHUNKS[name], import.meta.url);
    // A browser asks only once for an address that it did
    // not reach: the next one differs, and is the same file.
    if (missed > 0) address.hash = missed;
    missed += 1;
    (await import(address)).install(define, from, load);
    missed -= 1;
  }
  return from(name);
}
