/** Questions to try. The embedded model knows nothing but small arithmetic, so it gets its own. */

const EMBEDDED = "anytime-tiny";

const ABLE =
  "This demo model is tiny. It knows sums, and the smallest, largest or closest of a few numbers, as in the examples.";

/** With these settings the embedded model's answers change where an eye can see it. */
const EMBEDDED_SETTINGS = { budget: 200, checkpoints: { count: 20 }, interim: { samples: 8 } };

/** More thinking than this the embedded model was not trained for. */
export const EMBEDDED_MOST = 400;

const FOR_EMBEDDED = [
  { name: "Smallest", question: "smallest of 77+27, 83-39, 2+86, 60+85, 9*11, 92+34" },
  { name: "Closest", question: "closest to 64: 6*9, 51-29, 76-42, 19-19, 46+7, 37+23" },
  { name: "Largest", question: "largest of 82-65, 5*4, 36+67, 4*8, 41+48, 10*7, 8*5, 62+72" },
  { name: "Sum", question: "12+7+25+9+31+8+14" },
];

const FOR_ANY = [
  { name: "Counting", question: "How many integers from 1 to 1000 are divisible by 7 but by neither 2 nor 5?" },
  {
    name: "Probability",
    question: "Two fair dice are rolled until a 7 or an 11 shows. What is the probability that the 7 comes first?",
  },
  {
    name: "Logic",
    question:
      "Anna is twice as old as Ben was when Anna was as old as Ben is now. Together they are 49. How old are they?",
  },
  { name: "Geometry", question: "A triangle has sides 13, 14 and 15. What is the radius of its inscribed circle?" },
];

export const isEmbedded = (model) => model === EMBEDDED;
export const examplesFor = (model) => (isEmbedded(model) ? FOR_EMBEDDED : FOR_ANY);

/** What the model can do, in a line; null if that needs no saying. */
export const ableOf = (model) => (isEmbedded(model) ? ABLE : null);

/** What the form starts with: a question and its settings; null for the server's own. */
export const startFor = (model) =>
  isEmbedded(model) ? { question: FOR_EMBEDDED[0].question, settings: EMBEDDED_SETTINGS } : null;
