// How far the sources of an answer support what it says: a word for each sentence, and what a model said in vain.

import { h, icon } from "../frame/dom.js";
import { count } from "../frame/format.js";
import { code, t } from "../frame/strings.js";

/** The claims of an answer that cite something, with this verdict. */
export function doubtful(answer, verdict) {
  return (answer.claims ?? []).filter((one) => one.verdict === verdict && one.markers.length > 0);
}

/** A citation with what is not right about the sentences that rest on it. */
export function withDoubt(answer, citation) {
  if (!citation) return citation;
  const doubts = (answer.claims ?? []).filter((one) =>
    one.verdict !== "supported" && one.markers.includes(citation.marker)
  );
  return { ...citation, doubt: doubts.length > 0 ? verdictOf(doubts[0]) : "" };
}

/** What is known of one claim, in words. */
function verdictOf({ verdict, reason }) {
  return verdict === "supported" ? t("claim.supported") : code("claim", `${verdict}.${reason ?? "subject"}`);
}

/** The button that says how the claims stand, and the list that it opens; null without claims. */
export function claimList(answer) {
  const claims = (answer.claims ?? []).filter((one) => one.markers.length > 0); // the others are told as without source
  if (claims.length === 0) return null;
  const doubts = claims.filter((one) => one.verdict !== "supported");
  const list = h(
    "ul",
    { class: "claims", hidden: doubts.length === 0 },
    (doubts.length > 0 ? doubts : claims).map((one) =>
      h(
        "li",
        { dataset: { verdict: one.verdict } },
        one.verdict === "supported"
          ? icon("check")
          : h("span", { class: "sign", "aria-hidden": "true" }, one.verdict === "check" ? "?" : "!"),
        h("span", {}, h("b", {}, verdictOf(one)), h("small", {}, one.sentence)),
      )
    ),
  );
  const flip = () => {
    list.hidden = !list.hidden;
    button.setAttribute("aria-expanded", String(!list.hidden));
  };
  const words = doubts.length > 0
    ? t("turn.claims.check", { n: doubts.length, count: count(doubts.length) })
    : t("turn.claims.good");
  const look = doubts.some((one) => one.verdict === "unsupported")
    ? "bad"
    : doubts.length > 0
    ? "warn"
    : "good";
  const button = h(
    "button",
    {
      type: "button",
      class: `quiet ${look}`,
      dataset: { do: "claims" },
      "aria-expanded": String(!list.hidden),
      onclick: flip,
    },
    look === "good" && icon("check"),
    words,
  );
  return { button, list };
}

/** What a model said and its sources do not support: closed, and not part of the answer. */
export function rejectedWords({ rejected }) {
  return rejected
    ? h("details", { class: "rejected" }, h("summary", {}, t("turn.rejected")), h("p", {}, rejected))
    : null;
}
