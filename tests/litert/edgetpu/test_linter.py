"""Every rule of the linter on a converted file that breaks it and on one that does not, and on edited files."""

import json

import numpy as np
import pytest

from tests.litert import flat_edit
from tests.litert.lint_cases import CONVERTED, EDITED, KEEPING
from tfslim.litert import ModelFileError, lint, read
from tfslim.litert.edgetpu.estimates import CACHE_BYTES
from tfslim.litert.edgetpu.operators import CEILINGS, SUPPORTED
from tfslim.litert.edgetpu.rules import REPLACEMENTS, RULES
from tfslim.litert.flatbuffer.reader import Table


@pytest.fixture(scope="module")
def linted(edge_files):
    """Lints a converted file by its name, once."""
    results = {}

    def result(name: str):
        if name not in results:
            results[name] = lint(edge_files / f"{name}.tflite")
        return results[name]

    return result


def assert_found(result, rule: str, operator: str, text: str) -> None:
    """Asserts that a finding of the rule names this operator, and says this."""
    hits = [finding for finding in result.findings if finding.rule.id == rule]
    assert any(finding.operator_name == operator and text in finding.found for finding in hits), hits
    assert all(finding.cure for finding in hits)
    assert (rule[0] == "E") <= (not result.ok)


@pytest.mark.parametrize("rule, name, operator, text", CONVERTED)
def test_converted_files_that_break_a_rule(linted, rule, name, operator, text):
    assert_found(linted(name), rule, operator, text)


@pytest.mark.parametrize("name", EDITED)
def test_edited_files_that_break_a_rule(edge_files, tmp_path, name):
    rule, base, change, operator, text = EDITED[name]
    edited = flat_edit.edited(edge_files / f"{base}.tflite", tmp_path / "edited.tflite", change)
    assert_found(lint(edited), rule, operator, text)


def test_a_file_without_the_end_of_its_buffers(edge_files, tmp_path):
    cut = tmp_path / "cut.tflite"
    cut.write_bytes((edge_files / "outside.tflite").read_bytes()[:-100])
    with pytest.raises(ModelFileError, match=r"cut\.tflite.*buffer \d+ lies at"):
        lint(cut)


def test_every_rule_is_broken_by_a_converted_file():
    assert {row[0] for row in CONVERTED} == set(RULES)
    assert len({row[1] for row in CONVERTED if row[0][0] == "E"}) >= 25


@pytest.mark.parametrize("rule", RULES)
def test_files_that_keep_a_rule(linted, edge_files, tmp_path, rule):
    name = KEEPING.get(rule, "clean")
    if name == "nobody":
        path = flat_edit.edited(
            edge_files / "clean.tflite",
            tmp_path / "nobody.tflite",
            lambda model: model.update(description=None, metadata=None),
        )
        result = lint(path)
    else:
        result = linted(name)
    assert rule not in {finding.rule.id for finding in result.findings}


def test_clean_file_maps_whole(linted):
    result = linted("clean")
    assert result.ok and not result.refused and result.exit_code == 0
    assert result.mapped == len(result.placements) == 16
    assert {row.operator.name for row in result.placements} <= SUPPORTED
    # Counted the other way: what is in the file for constants, less the length in front of each.
    summary = read(result.path)
    stored = sum(summary.bytes_by_kind[kind] for kind in ("weights", "biases", "other constants"))
    buffers = {tensor.buffer for tensor in summary.graphs[0].tensors if tensor.constant}
    total = result.estimates.parameter_bytes
    assert total == stored - 4 * len(buffers)
    assert result.estimates.cached_bytes == total and result.estimates.streamed_bytes == 0
    assert result.estimates.latency_ms == pytest.approx(0.852 + 0.915 * total / 2**20)
    assert "16 of 16 operators expected on the Edge TPU, 0 errors" in str(result)


def test_estimates_of_a_file_larger_than_the_cache(linted):
    found = linted("parameters").estimates
    weights, biases, slice_operands = 3 * 2900 + 2900 * 2800, 4 * (2900 + 2800), 4 * 4 * 2
    assert weights + biases <= found.parameter_bytes <= weights + biases + slice_operands + 16
    assert found.cached_bytes == CACHE_BYTES == 7_864_320
    assert found.streamed_bytes == found.parameter_bytes - 7_864_320
    expected = 2.256 * found.streamed_bytes / 2**20 + 0.915 * 7.5 + 0.852
    assert found.latency_ms == pytest.approx(expected)


def test_the_cut_strands_what_comes_behind(linted):
    places = [(row.operator.name, row.place) for row in linted("layer_norm").placements]
    assert places[:5] == [
        ("CONV_2D", "Edge TPU"),
        ("MEAN", "Edge TPU"),
        ("DEQUANTIZE", "CPU"),
        ("NEG", "CPU"),
        ("QUANTIZE", "CPU"),
    ]
    assert {place for _, place in places[5:]} == {"CPU, stranded"}
    assert linted("layer_norm").mapped == 2 and linted("layer_norm").estimates is None
    # Float ends run on the CPU and cut nothing off.
    ends = [row.place for row in linted("float_ends").placements]
    assert ends == ["CPU", "Edge TPU", "CPU"] and linted("float_ends").ok
    # A file that is refused has no part on the Edge TPU at all.
    assert linted("gelu").refused and linted("gelu").mapped == 0


def test_wrong_numbers_map_and_are_errors(linted):
    result = linted("dense")
    assert [row.place for row in result.placements] == ["Edge TPU", "Edge TPU"]
    assert result.placements[-1].why == "wrong numbers: E15" and result.exit_code == 1


def test_an_lstm_keeps_16_bits_of_state(tmp_path):
    def tensor(shape: tuple, number: int, **values) -> Table:
        scale = Table("QuantizationParameters", {"scale": np.ones(1, "f4"), "zero_point": np.zeros(1, "i8")})
        return Table("Tensor", {"shape": np.array(shape, "i4"), "type": number, "quantization": scale} | values)

    # Input, output, state of the output (INT8) and of the cell (INT16), as an int8 file has them.
    tensors = [tensor((1, 4, 8), 9), tensor((1, 4, 2), 9), tensor((1, 2), 9, is_variable=True)]
    tensors.append(tensor((1, 2), 7, is_variable=True))
    operator = Table("Operator", {"inputs": np.array([0, 2, 3, -1], "i4"), "outputs": np.array([1], "i4")})
    ends = {"inputs": np.array([0], "i4"), "outputs": np.array([1], "i4")}
    graph = Table("SubGraph", {"tensors": tensors, "operators": [operator], **ends})
    path = tmp_path / "lstm.tflite"
    for number, ok in ((44, True), (52, False)):  # one direction, and both
        code = Table("OperatorCode", {"builtin_code": number, "version": 3})
        model = {"version": 3, "buffers": [Table("Buffer")], "operator_codes": [code], "subgraphs": [graph]}
        path.write_bytes(flat_edit.write_tables(Table("Model", model)))
        assert lint(path).ok == ok
    assert [finding.rule.id for finding in lint(path).errors] == ["E19"]


def test_cures_name_what_to_write_instead(linted):
    cures = {finding.operator_name: finding.cure for finding in linted("hard_swish").errors}
    assert cures == {"HARD_SWISH": REPLACEMENTS["HARD_SWISH"]}
    assert "Resizing" in str(linted("upsampling"))


def test_every_file_gives_json_and_text(linted, edge_files):
    names = sorted(path.stem for path in edge_files.glob("*.tflite"))
    for name in names:
        result = linted(name)
        plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert plain["ok"] == result.ok and len(plain["findings"]) == len(result.findings)
        assert len(plain["placements"]) == plain["operators"]
        assert str(result).startswith(f"{name}.tflite: ")
        assert len(result.table().splitlines()) == len(result.placements) + 2
    assert len(names) > 50


def test_rules_are_complete():
    for name, rule in RULES.items():
        assert rule.id == name and rule.severity in ("error", "warning", "information")
        assert rule.effect in ("refused", "on CPU", "wrong", "slower", "none")
        assert all((rule.title, rule.why, rule.cure, rule.source))
    assert set(CEILINGS) >= SUPPORTED
    # Of edge.md's table, by hand.
    assert CEILINGS["ADD"] == (3, 4) and CEILINGS["CONV_2D"] == (5, 5) and CEILINGS["VAR_HANDLE"] == (0, 1)
    assert "GELU" not in CEILINGS
