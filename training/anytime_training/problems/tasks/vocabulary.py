"""The words that are one token each: those of the families' prompts, thinking and answers."""

_LOWER = """
largest biggest max maximum greatest highest smallest least min minimum lowest closest nearest to of the which what is
find among one these sum total add compute calculate how much please tell me can you and or
larger smaller equal closer farther than off best first now stays done check then hmm ok let see next
so far result my guess was this outside know am a demo model only small numbers pick short list Try
words do not did learn signs no work on Answer I none My This The anytime-tiny
"""
_CAPITALISED = """
Largest Biggest Max Maximum Greatest Highest Smallest Least Min Minimum Lowest Closest Nearest Which What The Find Sum
Total Add Compute Calculate How Please Tell Can
"""
_COMPARATIVES = "bigger higher lower Larger Bigger Higher Smaller Lower"

WORDS: tuple[str, ...] = tuple(dict.fromkeys(f"{_LOWER} {_CAPITALISED} {_COMPARATIVES}".split()))
"""In the order of their token ids: append, never reorder."""
