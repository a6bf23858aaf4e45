"""Words, phrases and snippets from which prompts outside the domain are made."""

_WORDS = """
the a an and or not is are was of in on at to from with by for about how why who when where what my your his her our
cat dog horse bird fish lion mouse tree river mountain ocean city country capital king queen president doctor teacher
apple banana bread cheese coffee water wine recipe cake soup rice dinner breakfast house window door table chair lamp
car train plane bicycle ship road bridge music song guitar piano movie book story poem letter word sentence paragraph
red green blue yellow black white big small long short fast slow old new good bad happy sad hot cold hard easy
one two three four five six seven eight nine ten hundred thousand first second last half double
paris london berlin tokyo rome france germany spain italy japan china india africa europe america russia brazil
python java rust code function class variable loop array string integer float bug error file server model data token
write explain describe translate summarize list sort count solve prove define compare convert draw sing tell say help
make build find show give take run stop open close read learn think know believe want need love hate like go come see
weather rain snow sun moon star planet earth mars history science physics chemistry biology math algebra geometry
equation integral derivative matrix vector triangle circle square root prime number fraction percent average median
today tomorrow yesterday week month year hour minute second time money price dollar euro bank market stock job work
hello hi hey thanks thank bye yes no maybe please sorry ok sure really very much more less most some any all none
life death meaning world war peace love friend family mother father child baby man woman people person name age
"""
WORDS = _WORDS.split()

QUESTION_STARTS = (
    "what is",
    "what is the",
    "who is",
    "why is",
    "how do I",
    "how many",
    "can you",
    "please",
    "tell me",
    "tell me about",
    "which is",
    "which is the largest",
    "which of these is",
    "the largest",
    "smallest",
    "closest to",
    "sum of",
    "find the",
    "write a",
    "explain",
    "is the",
    "I",
    "my",
    "translate",
    "what does",
    "add",
)

KEYWORD_PHRASES = (
    "largest of",
    "smallest of",
    "biggest of",
    "max of",
    "min of",
    "which is largest:",
    "which is smallest:",
    "closest to 50:",
    "which is closest to 20:",
    "what is the largest of",
    "sum of",
    "find the lowest of",
    "add",
    "largest",
)

FOLLOW_UPS = (
    "and the smallest?",
    "and the largest?",
    "which one?",
    "which is the best?",
    "the result?",
    "the sum",
    "closest",
    "closest to 50",
    "closest to",
    "what is",
    "what is?",
    "please",
    "please tell me",
    "is the largest?",
    "largest of , ,",
    "smallest of these",
    "now the smallest please",
    "check",
    "ok",
    "hmm",
    "done",
    "best",
    "none",
    "try",
    "the",
    "?",
    "+",
    "-",
    "...",
    "=",
    ",",
)

CODE = (
    "def {a}({b}): return {n}",
    "for {a} in range({n}): print({a})",
    "print({m})",
    "print('{a}')",
    "x = {n}",
    "{a} = {b} + {n}",
    "if {a} > {n}: {b}()",
    "SELECT {a} FROM {b} WHERE id = {m}",
    '{{"{a}": {n}, "{b}": {m}}}',
    "max({n}, {m})",
    "[{n}, {m}]",
    "sum([{n}, {m}])",
    "import {a}",
    "let {a} = {n};",
    "<{a}>{b}</{a}>",
    "{a}.{b}({n})",
    "#include <{a}.h>",
    "https://{a}.com/{b}",
    "{a}@{b}.com",
    "\\frac{{{n}}}{{{m}}}",
    "while True: {a} += {n}",
    "git commit -m '{a}'",
)

OTHER_SCRIPTS = (
    "абвгдежзиклмнопрст",
    "αβγδεζηθικλμνξοπρσ",
    "的一是不了人我在有他这中大来上国",
    "あいうえおかきくけこさしすせそ",
    "😀🎉🚀🐍❤️👍🤔🔥",
    "éèêàùçñöüßåø",
    "مرحباكيفالحال",
)
