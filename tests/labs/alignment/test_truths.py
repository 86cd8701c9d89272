"""The truths of the lab: exact optima, Bradley and Terry as logistic regression, and what each loss begins with."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from scene_format import decode
from sklearn.linear_model import LogisticRegression

import engine
from engine.contract import registry
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.contract.view import Turn, View

lab = engine.lab("alignment")
views = registry.view("alignment")


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def trained(steps: int, **knobs: Any) -> tuple[Any, list[dict[str, float]]]:
    experiment = lab.Experiment(lab.Config(**knobs))
    return experiment, list(engine.train(experiment, steps))


def moment(experiment: Any, told: list[dict[str, float]]) -> View:
    steps = np.arange(1, len(told) + 1)
    curves = {name: (steps, np.array([each[name] for each in told])) for name in (told[-1] if told else ())}
    return View(experiment.frame(), experiment.config, curves, len(told), len(told))


def panel(view: View, key: str) -> dict[str, Any]:
    drawn, _ = decode(views.stage(view).to_bytes())
    return next(each for row in drawn["rows"] for each in row if each["key"] == key)


def test_the_sentences_are_all_there_are_in_the_order_of_a_dictionary() -> None:
    found = lab.enumerated.sentences(6, 4)
    assert found.shape == (1296, 4) and found.tolist() == [list(s) for s in itertools.product(range(6), repeat=4)]
    assert torch.equal(lab.sentences(3, 2), lab.enumerated.sentences(3, 2))
    assert lab.language.spelled(0) == "yes yes yes yes" and lab.language.spelled(7) == "yes yes sure sure"


def test_one_pass_gives_every_sentence_the_product_of_its_words() -> None:
    policy = lab.policy.Policy([3, 4], 32)
    following, every = policy.following(), lab.sentences(6, 4)
    places = {tuple(row): i for i, row in enumerate(policy.before.tolist())}
    for number in (0, 77, 500, 1295):
        words = every[number].tolist()
        parts = [following[:, places[(6,) * (3 - t) + tuple(words[:t])], words[t]] for t in range(4)]
        assert torch.allclose(policy()[:, number], torch.stack(parts).sum(0), atol=1e-12)
    assert torch.allclose(policy().exp().sum(-1), torch.ones(2).double(), atol=1e-12)


@pytest.mark.parametrize("beta", [0.02, 0.5, 5.0])
def test_the_value_of_the_optimum_is_beta_log_z_and_no_policy_has_more(beta: float) -> None:
    ref, reward = numbers(0, 1296).log_softmax(-1), numbers(1, 1296)
    best = lab.optimum(ref, reward, beta)
    log_z = float((ref + reward / beta).logsumexp(-1))
    objectives = lab.objectives

    def value(policy: torch.Tensor) -> float:
        return float((policy.exp() * reward).sum() - beta * objectives.kl(policy, ref))

    assert value(best) == pytest.approx(beta * log_z, abs=1e-12)
    for seed in range(20):
        other = (best + 0.3 * numbers(seed + 2, 1296)).log_softmax(-1)
        assert value(other) < beta * log_z
        lost = beta * log_z - value(other)
        assert lost == pytest.approx(beta * float(objectives.kl(other, best)), abs=1e-10)
    assert torch.allclose(best - ref, reward / beta - log_z, atol=1e-10)  # a straight line


def test_dpo_begins_at_ln_2_exactly() -> None:
    ref = numbers(0, 2, 50)
    assert float(lab.dpo_loss(ref[0], ref[1], ref[0], ref[1], 0.3)) == math.log(2)
    _, told = trained(1, method="dpo")
    assert told[0]["loss"] == math.log(2)


def test_dpos_best_policy_is_the_optimum() -> None:
    """The gradient of the expected loss vanishes there, if answers are Bradley and Terry's; elsewhere it does not."""
    ref, reward, beta = numbers(0, 8).log_softmax(-1), numbers(1, 8), 0.7

    def gradient(policy: torch.Tensor) -> torch.Tensor:
        policy = policy.clone().requires_grad_()
        total = torch.zeros(()).double()
        for x, y in itertools.permutations(range(8), 2):
            wins = torch.sigmoid(reward[x] - reward[y])
            total = total + wins * lab.dpo_loss(
                policy[x : x + 1], policy[y : y + 1], ref[x : x + 1], ref[y : y + 1], beta
            )
        return torch.autograd.grad(total, policy)[0]

    assert gradient(lab.optimum(ref, reward, beta)).abs().max() < 1e-12
    assert gradient(ref).abs().max() > 0.1


def test_the_preference_loss_is_logistic_regression_on_differences() -> None:
    people = lab.judge.People((0,), 32, "repetition", 3_000, 1.0)
    winners, losers = lab.judge.answers(people)[0].T
    inputs = lab.enumerated.features(lab.sentences(6, 4), 6).double()
    differences = inputs[winners] - inputs[losers]
    signs = torch.where(torch.arange(len(winners)) % 2 == 0, 1.0, -1.0)
    sklearn = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-12, max_iter=10_000)
    sklearn.fit((signs[:, None] * differences).numpy(), signs.numpy())
    weight = torch.zeros(24, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16,
                                  line_search_fn="strong_wolfe")  # fmt: skip

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = lab.preference_loss(inputs[winners] @ weight, inputs[losers] @ weight)
        loss = loss + 0.5 / len(winners) * weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)

    def centred(numbers: Any) -> Any:
        table = np.asarray(numbers).reshape(4, 6)
        return table - table.mean(1, keepdims=True)

    assert centred(weight.detach()) == pytest.approx(centred(sklearn.coef_[0]), abs=1e-5)
    judge = lab.judge.Judge("linear", (0,))  # what the page fits, by Adam
    judge.learn(lambda: lab.judge.answers(people), 3_000)
    assert centred(judge.weights[0].detach()[0, :, 0]) == pytest.approx(centred(sklearn.coef_[0]), abs=2e-3)


def test_the_preference_loss_does_not_know_a_reward_that_is_added_to_all() -> None:
    winners, losers = numbers(0, 40), numbers(1, 40)
    loss = lab.preference_loss(winners, losers)
    assert torch.allclose(lab.preference_loss(winners + 7, losers + 7), loss, atol=1e-12)


def test_ppo_at_ratio_1_has_reinforces_gradient_and_is_flat_where_it_is_clipped() -> None:
    log_probs, advantage = numbers(0, 30).requires_grad_(), numbers(1, 30)
    ppo = torch.autograd.grad(lab.ppo_loss(log_probs, log_probs.detach(), advantage, 0.2), log_probs)[0]
    reinforce = torch.autograd.grad(lab.objectives.reinforce_loss(log_probs, advantage), log_probs)[0]
    assert torch.allclose(ppo, reinforce, atol=1e-15)
    far = torch.autograd.grad(lab.ppo_loss(log_probs, log_probs.detach() - 1, advantage, 0.2), log_probs)[0]
    assert (far[advantage > 0] == 0).all() and (far[advantage < 0] > 0).all()


def test_the_expected_gradient_of_reinforce_is_that_of_the_value() -> None:
    """With a baseline of the others too: summed over all batches of two from four sentences."""
    logits, reward, beta = numbers(0, 4).requires_grad_(), numbers(1, 4), 0.4
    ref = numbers(2, 4).log_softmax(-1)
    policy = logits.log_softmax(-1)
    value = (policy.exp() * reward).sum() - beta * lab.objectives.kl(policy, ref)
    wanted = torch.autograd.grad(value, logits, retain_graph=True)[0]
    for baseline in (True, False):
        found = torch.zeros(4).double()
        for batch in itertools.product(range(4), repeat=2):
            wrote = torch.tensor(batch)
            now = logits.log_softmax(-1)
            priced = (reward - beta * (now - ref)).detach()[wrote]
            gain = lab.objectives.advantages(priced, baseline=baseline)
            chance = now.detach()[wrote].sum().exp()
            found -= chance * torch.autograd.grad(lab.objectives.reinforce_loss(now[wrote], gain), logits)[0]
        assert torch.allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_the_best_of_n_is_what_drawing_gives_and_costs_at_most_its_bound(n: int) -> None:
    ref, reward = numbers(0, 30).log_softmax(-1), numbers(1, 30).round()  # some are equal
    found = lab.best_of(ref, reward, n).exp()
    dice = torch.rand(200_000, n, generator=generator(0, "test"))
    wrote = lab.judge.drawn(ref, dice)
    best = wrote.gather(1, reward[wrote].argmax(1, keepdim=True))[:, 0]  # the first of equals: as likely as another
    drawn = torch.bincount(best, minlength=30) / len(best)
    assert torch.allclose(found, drawn.double(), atol=0.006) and float(found.sum()) == pytest.approx(1, abs=1e-12)
    assert float(lab.objectives.kl(found.log(), ref)) <= math.log(n) - (n - 1) / n + 1e-12


def test_without_equals_and_repetition_the_best_of_n_costs_its_bound() -> None:
    ref = torch.full((200_000,), -math.log(200_000), dtype=torch.float64)
    distance = float(lab.objectives.kl(lab.best_of(ref, torch.arange(200_000.0), 16), ref))
    assert distance == pytest.approx(math.log(16) - 15 / 16, abs=1e-4)


def test_random_numbers_choose_as_word_by_word_would() -> None:
    policy = lab.policy.Policy([0], 32)
    with torch.no_grad():
        log_probs = policy()[0]
    dice = torch.linspace(0, 0.999999, 4_001).double()
    wrote = lab.judge.drawn(log_probs, dice)
    first = log_probs.exp().view(6, 216).sum(1)  # of the first word
    by_word = torch.searchsorted(first.cumsum(0), dice, right=True)
    assert torch.equal(wrote // 216, by_word)


def test_people_follow_bradley_and_terry_and_without_noise_the_better_always_wins() -> None:
    reward, ref = numbers(0, 2) * 2, torch.full((2,), math.log(0.5)).double()
    told = lab.judge.compared(ref, reward, count=100_000, noise=1.0, dice=generator(0, "test"))
    told = told[told[:, 0] != told[:, 1]]
    wanted = float(torch.sigmoid(reward[0] - reward[1]))
    assert float((told[:, 0] == 0).double().mean()) == pytest.approx(wanted, abs=0.006)
    sure = lab.judge.compared(ref, reward, count=1_000, noise=0.0, dice=generator(0, "test"))
    assert (reward[sure[:, 0]] >= reward[sure[:, 1]]).all()


def test_the_reference_writes_like_its_language() -> None:
    with torch.no_grad():
        log_probs = lab.policy.reference(range(3), 32)()
    for seed, each in enumerate(log_probs):
        language = lab.enumerated.markov(generator(seed, "language")).double()
        assert float(lab.objectives.kl(language, each)) < 0.005


@pytest.mark.parametrize("method", ["reinforce", "ppo", "dpo", "rejection", "best_of_n"])
def test_a_stack_trains_each_policy_as_if_alone(method: str) -> None:
    together, told = trained(4, method=method, seeds=2, seed=5)
    alone = [trained(4, method=method, seed=5 + i) for i in range(2)]
    for name in ("true", "kl", "to_optimum"):
        assert told[-1][name] == pytest.approx(np.mean([metrics[-1][name] for _, metrics in alone]), rel=1e-6)
    for i, (experiment, _) in enumerate(alone):
        assert torch.allclose(together.log_probs()[i], experiment.log_probs()[0], atol=1e-6)


@pytest.mark.parametrize("method", ["reinforce", "dpo"])
def test_no_look_changes_a_sentence_that_training_draws(method: str) -> None:
    looked, blind = (lab.Experiment(lab.Config(method=method)) for _ in range(2))
    for _ in range(5):
        looked.frame()
        assert looked.step() == blind.step()


def test_the_exact_curve_bounds_every_run() -> None:
    """No policy has more believed reward at its distance."""
    experiment, told = trained(30, beta=0.1)
    frontier = experiment.frame().frontier
    assert (np.diff(frontier[:, 0]) > 0).all() and (np.diff(frontier[:, 1]) > 0).all()
    for metrics in told:
        assert metrics["believed"] <= np.interp(metrics["kl"], frontier[:, 0], frontier[:, 1]) + 0.02


def test_your_choices_are_the_comparisons_and_move_the_judge_while_it_trains() -> None:
    experiment = lab.Experiment(lab.Config(taste="yours"))
    assert (experiment.frame().believed == 0).all() and "true" not in experiment.step()
    pairs = lab.judge.asked(0, 200)
    likes_go = "".join("L" if lab.language.spelled(a).count("go") >= lab.language.spelled(b).count("go") else "R"
                       for a, b in pairs[:40])  # fmt: skip
    experiment.update(lab.Config(taste="yours", choices=likes_go.lower()))
    frame = experiment.frame()
    assert frame.pairs.shape == (40, 2) and frame.judged_right > 0.8 and frame.asked == pairs[40]
    gone = [i for i in range(1296) if lab.language.spelled(i).count("go") == 3]
    assert frame.believed[gone].mean() > 1 and experiment.step_count == 1
    assert all(a != b for a, b in pairs)


def test_a_click_a_button_and_a_text_are_one_choice() -> None:
    view = moment(lab.Experiment(lab.Config(taste="yours", choices="LR")), [])
    for x, letter in ((-0.3, "L"), (0.8, "R")):
        assert views.answer(view, {"panel": "ask", "kind": "plane", "x": x, "y": 0.0}) == Turn(
            {"choices": "LR" + letter}
        )
    assert views.answer(view, {"panel": "map", "kind": "plane", "x": 0.0, "y": 0.0}) is None
    choices = panel(view, "ask")["buttons"][0]["choices"]
    assert [c["knobs"]["choices"] for c in choices] == ["LRL", "LRR", "L"]
    first = panel(view, "written")["buttons"][0]["choices"]  # the panel that a phone shows
    spelled = [lab.language.spelled(number) for number in view.frame.asked]
    assert [(c["text"], c["knobs"]["choices"]) for c in first] == list(zip(spelled, ("LRL", "LRR"), strict=True))
    full = moment(lab.Experiment(lab.Config(taste="yours", choices="L" * 200)), [])
    assert "buttons" not in panel(full, "written")
    assert views.answer(full, {"panel": "ask", "kind": "plane", "x": 0.5, "y": 0.0}) is None
    assert "all pairs" in panel(full, "ask")["title"]


@pytest.mark.parametrize("text", ["😀", "שמאל", "L R", "LRx", "L" * 100_000, "\n", "<b>"])
def test_what_is_no_choice_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        lab.Config(taste="yours", choices=text)
    assert refused.value.knob == "choices" and len(str(refused.value)) < 300


def test_the_page_says_who_judges_and_what_it_knew_before_the_first_step() -> None:
    ways: list[dict[str, Any]] = [{}, {"judge": "none"}, {"method": "dpo"}, {"taste": "yours"}, {"comparisons": 300}]
    notes = [panel(moment(lab.Experiment(lab.Config(**knobs)), []), "written")["note"] for knobs in ways]
    assert len(set(notes)) == len(ways) and "4,000" in notes[0] and "300" in notes[-1]
    assert not any("comparisons" in note and "4,000" in note for note in notes[1:])


def test_who_pays_no_price_is_not_promised_the_line() -> None:
    for steps in (0, 2):
        paid, free = (trained(steps, method=method) for method in ("reinforce", "rejection"))
        said = views.say(moment(*free))
        assert said != views.say(moment(*paid)) and "to the line" not in said and len(said) <= 140


def test_a_taste_of_your_own_brings_a_judge() -> None:
    assert lab.Config(judge="none").turned(taste="yours").judge == "linear"
    assert lab.Config(taste="yours").turned(judge="none").taste == "repetition"
    with pytest.raises(ConfigError, match="judge"):
        lab.Config(taste="yours", judge="none")


@pytest.mark.parametrize(
    "knobs",
    [
        {"taste": "yours"},
        {"taste": "yours", "choices": "L", "method": "dpo"},
        {"method": "dpo", "fresh": True},
        {"judge": "none", "taste": "order"},
        {"method": "best_of_n", "candidates": 3},
        {"taste": "words", "noise": 0.0},
        {"seeds": 2, "method": "rejection"},
    ],
)
def test_every_method_and_taste_is_drawn_and_said(knobs: dict[str, Any]) -> None:
    experiment, told = trained(6, **knobs)
    for view in (moment(lab.Experiment(lab.Config(**knobs)), []), moment(experiment, told)):
        assert 5_000 < len(views.stage(view).to_bytes()) < 60_000 and len(views.curves(view).to_bytes()) > 500
        assert views.say(view).endswith(".") and len(views.say(view)) <= 140 and len(views.inside(view)) == 4
        assert all(math.isfinite(fact) for fact in views.facts(view).values() if not isinstance(fact, str))
    assert experiment.done == (knobs.get("candidates") == 3)


def test_what_is_written_out_is_the_loss() -> None:
    view = moment(*trained(5, method="dpo"))
    table, formula = views.inside(view)[:2]
    margin = float(table.rows[0][3]) - float(table.rows[1][3])
    assert float(formula.latex.split("= ")[1]) == pytest.approx(math.log1p(math.exp(-margin)), abs=2e-3)
    view = moment(*trained(5))
    table, formula = views.inside(view)[:2]
    priced = float(table.rows[0][1]) - float(table.rows[3][1])
    assert float(formula.latex.split("= ")[1]) == pytest.approx(priced, abs=2e-3)


@pytest.mark.slow
@pytest.mark.truths
@pytest.mark.parametrize("seed", range(5))
def test_a_rewarded_policy_arrives_at_the_exact_optimum(seed: int) -> None:
    _, told = trained(400, seed=seed)
    assert told[-1]["to_optimum"] < 0.01
