"""Scores as lines of a file and as what the user is told."""

from jaxgan.training.scores import describe, states_scored, table


def line(step, metric, seed=0, **figures):
    return {"step": step, "metric": metric, **figures, "protocol": {"num": 10, "seed": seed}}


def test_a_table_has_a_row_for_every_step_and_metric_and_a_column_for_every_figure():
    lines = [
        line(4, "fid10_test_a", fid=123.456),
        line(4, "pr10_test_a", precision=0.5, recall=1 / 3),
        line(1000, "fid10_test_a", fid=7.0),
        line(1000, "pr10_test_a", precision=1.0, recall=0.0),
    ]
    assert table(lines).splitlines() == [
        "step  metric        fid    precision  recall",
        "4     fid10_test_a  123.5",
        "4     pr10_test_a          0.5        0.3333",
        "1000  fid10_test_a  7",
        "1000  pr10_test_a          1          0",
        "seed 0",
    ]


def test_of_several_seeds_a_table_has_the_means_with_their_errors():
    lines = [line(4, "a", seed, fid=value) for seed, value in ((3, 1.0), (4, 3.0))]
    lines.append(line(4, "a", [3, 4], fid=2.0, fid_se=1.0))
    assert table(lines).splitlines() == [
        "step  metric  fid",
        "4     a       2 ± 1",
        "means of 2 seeds ± standard errors",
    ]
    assert describe(lines[-1]) == "fid 2 ± 1"


def test_among_how_many_states_one_was_picked():
    lines = [line(step, "fid", fid=0.0) for step in (4, 8, 12)]
    other = lines[0] | {"step": 16, "protocol": {"num": 99, "seed": 0}}
    again = lines[1] | {"protocol": lines[1]["protocol"] | {"best_by": "fid", "best_of": 3}}
    lines = [*lines, lines[2], other, again, line(20, "kid", kid=0.0)]
    assert states_scored(lines, "fid", 8, [0]) == 3  # each once, of this metric and protocol
    assert states_scored(lines, "fid", 16, [0]) == 1
    assert states_scored(lines, "fid", 20, [0]) == 0
    assert states_scored([*lines, again | {"protocol": other["protocol"]}], "fid", 8, [0]) == 3  # as it was picked


def test_of_several_seeds_states_are_counted_by_their_means():
    lines = [line(step, "fid", seed, fid=0.0) for step in (4, 8) for seed in (0, 1, [0, 1])]
    assert states_scored(lines, "fid", 4, [0, 1]) == 2
