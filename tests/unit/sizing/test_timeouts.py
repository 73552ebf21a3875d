"""Start time-outs follow the weights' size, within what SageMaker accepts."""

from __future__ import annotations

import pytest

from endpoints.catalogue import CandidateRole, load_catalogue
from endpoints.errors import CatalogueError
from endpoints.sizing.timeouts import LONGEST_S, SHORTEST_S, start_timeouts, weights_gb

CATALOGUE = load_catalogue()


def test_more_bytes_never_get_less_time() -> None:
    sizes = [0.5, 2, 16, 40, 141, 500]
    downloads = [start_timeouts(size).download_s for size in sizes]
    checks = [start_timeouts(size).health_check_s for size in sizes]

    assert downloads == sorted(downloads)
    assert checks == sorted(checks)


@pytest.mark.parametrize("size_gb", [0.0, 0.001, 16.06, 10_000.0])
def test_both_stay_within_what_sagemaker_accepts(size_gb: float) -> None:
    timeouts = start_timeouts(size_gb)

    assert SHORTEST_S <= timeouts.download_s <= LONGEST_S
    assert SHORTEST_S <= timeouts.health_check_s <= LONGEST_S


def test_a_container_that_fetches_its_weights_itself_gets_the_time_for_both() -> None:
    staged, fetched = start_timeouts(16.06), start_timeouts(16.06, by_container=True)

    assert fetched.health_check_s == pytest.approx(staged.health_check_s + staged.download_s, abs=1)


def test_the_4_bit_70b_is_sized_by_its_files_not_by_its_16_bit_weights() -> None:
    candidate = CATALOGUE.use_case("behavioral-analysis").candidate(CandidateRole.PRIMARY)

    assert 35 < weights_gb(CATALOGUE, candidate) < 45


def test_an_unknown_size_is_an_error_that_names_the_model() -> None:
    unknown = (
        CATALOGUE.use_case("job-parsing").candidates[0].model_copy(update={"weights_id": "Qwen/Qwen3.8-27B"})
    )

    with pytest.raises(CatalogueError, match=r"Qwen/Qwen3\.8-27B"):
        weights_gb(CATALOGUE, unknown)
