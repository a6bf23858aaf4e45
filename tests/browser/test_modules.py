"""The page's pure modules, run where they run."""

import asyncio
from itertools import pairwise

import pytest

DECODE = """async ({ text, size }) => {
    const { decode } = await import("/playground/js/sse.js");
    const bytes = new TextEncoder().encode(text);
    const body = new ReadableStream({
        start(controller) {
            for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
            controller.close();
        },
    });
    const messages = [];
    for await (const message of decode(body)) messages.push(message);
    return messages;
}"""

SCALE = """async (most) => {
    const { budgetScale } = await import("/playground/js/scales.js");
    const scale = budgetScale(most);
    const budgets = Array.from({ length: 1001 }, (_, position) => scale.toBudget(position));
    return { budgets, back: budgets.map(scale.toPosition).map(scale.toBudget) };
}"""

TICKS = """async ([most, count]) => (await import("/playground/js/scales.js")).ticks(most, count)"""

REDUCE = """async (events) => {
    const { IDLE, reduce } = await import("/playground/js/state.js");
    const freeze = (value) => {
        for (const part of Object.values(value)) if (part && typeof part === "object") freeze(part);
        return Object.freeze(value);
    };
    return events.map(freeze).reduce((state, event) => freeze(reduce(state, event)), IDLE);
}"""

SPELLS = """async (checkpoints) => {
    const { spells } = await import("/playground/js/answers.js");
    const found = spells({ checkpoints, budget: { spent: 100 } });
    return found.map(({ words, from, to, colour }) => [words, from, to, colour]);
}"""


THINK = """async (texts) => {
    const { IDLE } = await import("/playground/js/state.js");
    const { createThinking } = await import("/playground/js/thinking.js");
    const pane = document.createElement("div");
    const thinking = createThinking(pane, document.createElement("button"));
    let text = "";
    for (const delta of texts) thinking.render({ ...IDLE, session: 1, thinking: (text += delta) });
    return [...pane.childNodes].map((block) => block.textContent);
}"""

PROSE = """async (text) => {
    const { renderProse } = await import("/playground/js/prose.js");
    const node = document.createElement("div");
    await renderProse(node, text);
    return [node.querySelectorAll("math").length, node.textContent];
}"""

DIRECTIONS = """async (text) => {
    const { renderProse } = await import("/playground/js/prose.js");
    const node = document.createElement("div");
    document.body.append(node);
    await renderProse(node, text);
    const found = [...node.querySelectorAll("p, li, td, code, math")].map((part) => getComputedStyle(part).direction);
    node.remove();
    return found;
}"""

SNIPPETS = """async (state) => {
    const { SNIPPETS } = await import("/playground/js/snippets.js");
    return Object.values(SNIPPETS).map((snippet) => snippet(state, "http://server", false));
}"""

SCENE = """async ([checkpoints, answer]) => {
    const { scene } = await import("/playground/js/scene.js");
    const document = answer && { status: "completed", answer };
    const state = { phase: "completed", budget: { granted: 100, spent: 100 }, planned: [], checkpoints, document };
    return scene(state, 700, 300);
}"""

SCENE_OF = """async (state) => (await import("/playground/js/scene.js")).scene(state, 700, 300)"""

SAVINGS = """async (state) => (await import("/playground/js/savings.js")).savings(state)"""

KEPT = """async (pairs) => {
    const { kept } = await import("/playground/js/overlap.js");
    return pairs.map(([before, after]) => kept(before, after));
}"""

PLAIN = """async (texts) => texts.map((await import("/playground/js/tex.js")).plain)"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_a_stream_means_the_same_however_it_is_cut(run, end):
    lines = [
        ": ping",
        "",
        "id: 1",
        "event: a",
        'data: "ä€😀"',
        "",
        "id: 2",
        "",
        "id: 3",
        "event:b",
        "data: x",
        "data: y",
        "",
    ]
    text = end.join([*lines, ""])
    wanted = [{"id": "1", "event": "a", "data": '"ä€😀"'}, {"id": "3", "event": "b", "data": "x\ny"}]
    for size in (1, 2, 3, 7, 1000):
        assert await run(DECODE, {"text": text, "size": size}) == wanted


@pytest.mark.parametrize("most", [1, 40, 400, 1024, 1025, 32_768, 1_000_000])
async def test_the_slider_goes_from_nothing_to_the_most_and_never_back(run, most):
    scale = await run(SCALE, most)
    budgets = scale["budgets"]
    assert (budgets[0], budgets[-1]) == (0, most)
    assert budgets == sorted(budgets)
    assert all(abs(back - budget) <= max(1, budget * 0.06) for back, budget in zip(scale["back"], budgets, strict=True))


@pytest.mark.parametrize("most", [1, 7, 120, 2048, 131_072])
async def test_ticks_are_round_and_within_the_axis(run, most):
    ticks = await run(TICKS, [most, 6])
    assert ticks[0] == 0
    assert ticks[-1] <= most
    assert 1 <= len(ticks) <= 8
    assert len({later - earlier for earlier, later in pairwise(ticks)}) <= 1


def created(**fields):
    budget = {"requested": 20, "granted": 20, "spent": 0}
    return {
        "type": "reason.created",
        "sequence_number": 1,
        "id": "s",
        "model": "m",
        "budget": budget,
        "checkpoints": [5, 10],
        **fields,
    }


async def test_a_mark_stands_where_its_checkpoint_was_passed(run):
    deltas = [
        {"type": "thinking.delta", "sequence_number": 2, "delta": "abcde", "spent": 5},
        {"type": "thinking.delta", "sequence_number": 3, "delta": "fghijklmno", "spent": 15},
    ]
    state = await run(REDUCE, [created(), *deltas])
    assert (state["thinking"], state["marks"], state["last"]) == ("abcdefghijklmno", {"5": 5, "10": 10}, 3)


async def test_an_event_of_a_newer_server_changes_nothing_but_the_position(run):
    before = await run(REDUCE, [created()])
    after = await run(REDUCE, [created(), {"type": "reason.unheard_of", "sequence_number": 2, "delta": "?"}])
    assert after == {**before, "last": 2}


async def test_more_budget_plans_more_and_starts_the_answer_anew(run):
    raised = {"requested": 40, "granted": 40, "spent": 12}
    events = [
        created(),
        {"type": "thinking.delta", "sequence_number": 2, "delta": "x" * 12, "spent": 12},
        {"type": "answer.delta", "sequence_number": 3, "delta": "It is"},
        {"type": "budget.changed", "sequence_number": 4, "budget": raised, "checkpoints": [20, 30]},
    ]
    state = await run(REDUCE, events)
    assert (state["phase"], state["answerText"], state["planned"]) == ("thinking", "", [5, 10, 20, 30])


async def test_answers_that_the_server_holds_equal_are_one_spell_and_a_value_keeps_its_colour(run):
    def at(tokens, value, stable_for):
        return {"at": tokens, "value": value, "answer": str(value), "stable_for": stable_for, "confidence": 1}

    points = [at(10, "1/2", 1), at(20, "0.5", 2), at(30, "3", 1), at(40, "1/2", 1), at(50, "1/2", 1), at(60, None, 1)]
    assert await run(SPELLS, points) == [
        ["1/2", 10, 30, "c0"],
        ["3", 30, 40, "c1"],
        ["1/2", 40, 60, "c0"],
        ["None", 60, 100, "cx"],
    ]


def interim(at, value, confidence=1.0, votes=1, samples=1, stable_for=1):
    known = {"at": at, "value": value, "answer": value, "confidence": confidence, "stable_for": stable_for}
    return {**known, "votes": votes, "samples": samples}


async def test_a_few_answers_have_a_lane_each_and_one_that_comes_back_has_its_own_again(run):
    points = [interim(10, "72"), interim(20, "75"), interim(30, "72"), interim(40, "48", 0.5)]
    shape = await run(SCENE, [points, {"value": "48", "text": "48", "confidence": 1}])
    assert (shape["yTitle"], [lane["label"] for lane in shape["lanes"]]) == ("Answer", ["72", "75", "48"])
    first, second, back, last = (point["y"] for point in shape["points"])
    assert first == back > second > last == shape["final"]["y"]
    assert [lane["best"] for lane in shape["lanes"]] == [False, False, True]


@pytest.mark.parametrize("value", ["5", "75", "112", "1/24", "x + 1", "123456789"])
async def test_a_lane_has_room_for_the_whole_name_of_a_short_answer(run, value):
    shape = await run(SCENE, [[interim(10, value)], None])
    assert ([lane["label"] for lane in shape["lanes"]], shape["named"]) == ([value], True)


async def test_several_thoughts_stand_at_the_length_of_each_and_not_at_the_sum(run):
    points = [interim(10, "3", stable_for=1), interim(20, "3", stable_for=2), interim(30, "3", stable_for=3)]
    answer = {"value": "4", "text": "4", "confidence": 1}
    document = {"status": "completed", "answer": answer, "trunks": [{"spent": 40}, {"spent": 25}]}
    state = {
        "phase": "completed",
        "budget": {"granted": 80, "spent": 65},
        "planned": [10, 20, 30],
        "checkpoints": points,
        "document": document,
        "request": {"trunks": 2},
    }
    shape = await run(SCENE_OF, state)
    assert (shape["granted"], shape["spent"], shape["several"]) == (40, 40, True)
    assert shape["final"]["x"] == shape["frame"]["right"]
    assert await run(SAVINGS, state) == {"at": 55, "saved": 10, "share": 10 / 65, "words": "3", "same": False}
    thinking = {"phase": "thinking", "document": None, "trunks": {"0": {"spent": 31}, "1": {"spent": 30}}}
    shape = await run(SCENE_OF, {**state, **thinking, "budget": {"granted": 80, "spent": 61}})
    assert (shape["granted"], shape["spent"]) == (40, 31)


async def test_many_answers_stand_at_the_votes_that_agree_or_else_at_the_confidence(run):
    many = [interim(n, str(n), confidence=0.5, votes=2, samples=8) for n in range(30)]
    shape = await run(SCENE, [many, None])
    assert (shape["yTitle"], shape["lanes"], shape["named"]) == ("Votes that agree", [], False)
    zero, _, one = (tick["y"] for tick in shape["yTicks"])
    assert {point["y"] for point in shape["points"]} == {zero + (one - zero) / 4}
    alone = await run(SCENE, [[{**point, "votes": 1, "samples": 1} for point in many], None])
    assert alone["yTitle"] == "Confidence"


async def test_sentences_stand_at_the_words_they_keep(run):
    sentence = "the light of the sun is scattered by the air, and blue light is scattered most"
    points = [interim(10, "it is because of the sea, which the sky reflects all day"), interim(20, sentence)]
    shape = await run(SCENE, [[*points, interim(30, f"{sentence} of all")], None])
    assert shape["yTitle"] == "Words kept"
    first, second, third = (point["y"] for point in shape["points"])
    assert first > second > third
    assert await run(KEPT, [["a b", "B, a!"], ["a a", "a"], ["a", "b"], ["", ""]]) == [1, 2 / 3, 0, 1]


def thought(*values, spent=100, answer="4", **request):
    points, row = [], 0
    for index, value in enumerate(values):
        row = row + 1 if index and values[index - 1] == value else 1
        points.append(interim(10 * (index + 1), value, stable_for=row))
    document = {"status": "completed", "answer": {"value": answer, "text": answer, "confidence": 1}}
    budget = {"granted": spent, "spent": spent}
    return {"phase": "completed", "document": document, "budget": budget, "checkpoints": points, "request": request}


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (thought("3", "4", "4", "4", "4"), {"at": 40, "saved": 60, "share": 0.6, "words": "4", "same": True}),
        (thought("3", "3", "3", "4"), {"at": 30, "saved": 70, "share": 0.7, "words": "3", "same": False}),
        (thought("3", "4", "3", "4"), None),
        (thought("4", "4", "4", spent=31), None),
        (thought("4", "4", "4", stop_when={"stable": 5}), None),
    ],
)
async def test_what_stopping_at_three_equal_answers_would_have_saved(run, state, found):
    assert await run(SAVINGS, state) == found


async def test_an_answer_in_tex_is_told_in_plain_text(run):
    told = {
        "\\frac{1}{2}": "1/2",
        "\\dfrac{x+1}{2}": "(x+1)/2",
        "\\frac34": "3/4",
        "3\\sqrt{2}": "3√2",
        "\\text{no solution}": "no solution",
        "90^\\circ": "90°",
        "\\left( -\\infty, 2\\pi \\right]": "( -∞, 2π ]",
        "$5$": "5",
        "a plain {answer} with 50%": "a plain {answer} with 50%",
    }
    assert await run(PLAIN, list(told)) == list(told.values())


async def test_a_long_thinking_stands_in_blocks_so_that_only_the_last_is_laid_out_anew(run):
    lines = [f"line {number} of the thinking\n" for number in range(2000)]
    for texts in (lines, ["".join(lines)]):
        blocks = await run(THINK, texts)
        assert "".join(blocks) == "".join(lines)
        assert all(4000 < len(block) < 4100 for block in blocks[:-1])
        assert all(block.endswith("\n") for block in blocks)


@pytest.mark.parametrize("size", [7, 100_000])
async def test_a_thinking_on_one_line_stands_in_blocks_too(run, size):
    line = "wait, no; " * 4000
    blocks = await run(THINK, [line[start : start + size] for start in range(0, len(line), size)])
    assert "".join(blocks) == line
    assert all(12_000 < len(block) < 12_020 for block in blocks[:-1])


@pytest.mark.parametrize(
    "text", ["a $x$ and \\(y\\), \\[z\\] and $$\na\n$$", "$5 and $6, \\boxed{a{b}c}, $a$ $b$ $ c$d$"]
)
async def test_formulas_are_set_wherever_they_stand_in_a_text(run, text):
    assert (await run(PROSE, text))[0] == 4


async def test_each_part_of_an_answer_goes_in_the_direction_of_its_own_letters(run):
    text = "Sum:\n\nזה **4**.\n\n- عربي\n- b\n\n|א|\n|-|\n|1|\n\n```\nf(x)\n```\n\n$x$ is"
    assert await run(DIRECTIONS, text) == ["ltr", "rtl", "rtl", "rtl", "rtl", "ltr", "ltr", "ltr"]


@pytest.mark.parametrize("begin", ["\\[ ", "\\(", "$a ", "\\boxed{"])
async def test_a_model_that_begins_formulas_for_ever_does_not_stop_the_page(run, begin):
    async with asyncio.timeout(60):
        assert (await run(PROSE, begin * 5000))[0] == 0


async def test_a_budget_that_is_left_to_the_server_is_left_out_of_what_is_copied(run):
    for snippet in await run(SNIPPETS, {"request": {"prompt": "q", "checkpoints": []}, "model": "m"}):
        assert '"q"' in snippet
        assert "budget" not in snippet


KEEP = """async (states) => {
    const { find, remember } = await import("/playground/js/history.js");
    for (const state of states) remember(state, null);
    return find(states[0].id);
}"""


async def test_a_kept_session_is_whole_and_an_older_one_never_replaces_it(run):
    thinking = "think " * 50_000
    document = {"id": "s", "status": "completed", "thinking": thinking, "checkpoints": [{"at": 5}], "usage": {}}
    known = {"id": "s", "question": "q", "budget": {"granted": 9}, "checkpoints": [{"at": 5}], "document": document}
    newest = {**known, "last": 9, "thinking": thinking, "answerText": "4", "marks": {"5": 3}}
    kept = await run(KEEP, [newest, {**newest, "last": 3, "thinking": "t", "document": None}])
    assert {name: kept[name] for name in newest} == newest
    assert kept["cut"] is False


async def test_of_several_trunks_the_page_shows_the_one_that_stands_for_the_answer(run):
    vote = {"type": "checkpoint.answer", "sequence_number": 6, "at": 2, "trunk": 1, "votes": 1, "samples": 2}
    events = [
        {**created(), "checkpoints": [2]},
        {"type": "thinking.delta", "sequence_number": 2, "delta": "ab", "spent": 2, "trunk": 0, "trunk_spent": 2},
        {"type": "thinking.delta", "sequence_number": 3, "delta": "wxyz", "spent": 6, "trunk": 1, "trunk_spent": 4},
    ]
    before = await run(REDUCE, events)
    assert (before["thinking"], before["budget"]["spent"], before["marks"]) == ("ab", 6, {"2": 2})
    after = await run(REDUCE, [*events, vote])
    assert (after["thinking"], after["foremost"], after["marks"]) == ("wxyz", 1, {"2": 2})


TELL = """async (frames) => {
    const { createStore } = await import("/playground/js/store.js");
    const own = window.requestAnimationFrame;
    let asked = [], told = [], now = 0;
    window.requestAnimationFrame = (callback) => asked.push(callback);
    try {
        const store = createStore();
        store.subscribe(({ last }) => told.push([now, last]));
        for (const { at, event } of frames) {
            now = at;
            if (event) store.dispatch({ type: "reason.unheard_of", sequence_number: event });
            const callbacks = asked;
            asked = [];
            for (const callback of callbacks) callback(now);
        }
    } finally {
        window.requestAnimationFrame = own;
    }
    return told.slice(1);
}"""


@pytest.mark.parametrize("hertz", [60, 144])
async def test_a_state_that_changes_at_each_frame_is_told_thirty_times_a_second_and_as_it_ends(run, hertz):
    frames = [{"at": 1000 * number / hertz, "event": number} for number in range(1, hertz + 1)]
    told = await run(TELL, [*frames, {"at": 1031}, {"at": 1062}, {"at": 1093}])
    assert told[0] == [frames[0]["at"], 1]
    assert 28 <= len(told) <= 33
    assert all(later - earlier >= 30 for (earlier, _), (later, _) in pairwise(told))
    assert told[-1][1] == hertz


HIDE = """async () => {
    const { createStore } = await import("/playground/js/store.js");
    const own = window.requestAnimationFrame;
    let hidden = false;
    const told = [];
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    window.requestAnimationFrame = () => 0; // A tab in the background gets no frames.
    try {
        const store = createStore();
        store.subscribe(({ last }) => told.push(last));
        store.dispatch({ type: "reason.unheard_of", sequence_number: 1 });
        hidden = true;
        document.dispatchEvent(new Event("visibilitychange"));
        store.dispatch({ type: "reason.unheard_of", sequence_number: 2 });
        await new Promise((done) => setTimeout(done, 50));
    } finally {
        window.requestAnimationFrame = own;
        delete document.hidden;
    }
    return told.slice(1);
}"""


async def test_a_tab_that_is_hidden_while_a_frame_is_due_goes_on_telling(run):
    assert await run(HIDE, None) == [1, 2]
