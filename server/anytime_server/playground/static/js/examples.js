/** Questions to try. The embedded model knows nothing but small arithmetic, so it gets its own. */

const EMBEDDED = "anytime-tiny";

const ABLE =
  "This demo model is tiny. It knows sums, and the smallest, largest or closest of a few numbers, as in the examples.";

/** With these settings the embedded model's answers change where an eye can see it. */
const EMBEDDED_SETTINGS = { budget: 180, checkpoints: { count: 18 }, interim: { samples: 8 } };

/** More thinking than this the embedded model was not trained for. */
export const EMBEDDED_MOST = 400;

const FOR_EMBEDDED = [
  { name: "Smallest", question: "smallest of 61+14, 90-3, 21+9, 7*12, 27+49, 9*10, 7+49, 55+16" },
  { name: "Closest", question: "closest to 110: 9+14, 8*11, 38+85, 17+2, 72+40, 5+13, 67+13" },
  { name: "Largest", question: "largest of 51+92, 5*12, 3*4, 2+77, 11*8, 13+19, 7*7, 90-17, 63+93, 2+57" },
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
