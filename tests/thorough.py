"""Which tests only `make test-thorough` runs, so that `make test` ends within ten minutes on two cores with nothing compiled before.

Nearly all of a test's time is compiling for the shapes of its data. What is left out repeats a check that stays on another kind of data, or
runs once more what another test runs. Tests that are left out whole bear the mark themselves.
"""

ROBUSTNESS, YAML = "tests/models/test_robustness.py::", "tests/test_every_yaml.py::"
RUNS, TUCKER = f"{YAML}test_runs_and_keeps_its_promises", "tests/models/tucker/"

THOROUGH = (
    *(
        f"{ROBUSTNESS}{name}"
        for name in (
            "test_constant_output[mixed",
            "test_constant_output[scattered",
            "test_constant_output[line",
            "test_one_mode_and_a_hundred[1-mixed",
        )
    ),
    *(f"{ROBUSTNESS}test_one_mode_and_a_hundred[{kind}" for kind in ("1-scattered", "1-line", "100-mixed", "100-scattered")),
    *(
        f"{ROBUSTNESS}test_a_length_a_thousand_times_off[{kind}"
        for kind in ("2000.0-mixed", "2000.0-scattered", "0.002-mixed", "0.002-line", "0.002-scattered")
    ),
    *(f"{ROBUSTNESS}test_more_bases_than_points[{basis}" for basis in ("hat", "bspline", "chidenn")),
    *(f"{ROBUSTNESS}{name}" for name in ("test_one_training_case_and_duplicated_cases", "test_one_mode_and_a_hundred[1-grid")),
    *(f"{RUNS}[experiment-{name}" for name in ("table2_smooth", "table3", "table4", "fig3", "fig4", "blendednet_all")),
    *(f"{RUNS}[budget-{name}" for name in ("paper", "quick")),
    f"{TUCKER}test_tucker_runs.py::test_state_goes_round[mixed",
    f"{TUCKER}test_tucker_runs.py::test_state_goes_round[scattered",
    f"{TUCKER}test_tucker_runs.py::test_tasks[line1",
    f"{TUCKER}test_against_dense_tucker.py::test_every_sweep_equals_the_dense_updates[mixed-True-4",
    f"{TUCKER}test_against_dense_tucker.py::test_every_sweep_equals_the_dense_updates[scattered-True-4",
    f"{TUCKER}test_against_dense_tucker.py::test_every_sweep_equals_the_dense_updates[scattered-False-None",
    f"{TUCKER}test_against_dense_tucker.py::test_every_sweep_equals_the_dense_updates[grid-True-None",
    "tests/models/test_cases.py::test_a_cases_variance_is_that_of_its_predictions_with_the_other_axes_known[mixed",
    "tests/models/test_variational.py::test_superfluous_modes_vanish[als",
    f"{TUCKER}test_against_dense_tucker.py::test_every_sweep_equals_the_dense_updates[scattered-True-None",
    "tests/models/test_invariants.py::test_order_of_rows[mixed",
    "tests/models/test_invariants.py::test_room_for_later_cases_changes_nothing[mixed",
    "tests/models/test_invariants.py::test_room_for_later_cases_changes_nothing[scattered",
    "tests/models/test_against_dense_reference.py::test_every_sweep_equals_the_printed_algorithm[mixed-True-12",
    "tests/models/test_against_dense_reference.py::test_every_sweep_equals_the_printed_algorithm[scattered-True-12",
    "tests/models/test_against_dense_reference.py::test_every_sweep_equals_the_printed_algorithm[scattered-True-None",
    "tests/models/test_against_dense_reference.py::test_every_sweep_equals_the_printed_algorithm[mixed-False-12",
    "tests/models/test_against_dense_reference.py::test_every_sweep_equals_the_printed_algorithm[scattered-False-12",
    "tests/models/test_invariants.py::test_units_of_inputs_and_outputs[1000000.0-0.0-mixed",
    "tests/models/test_variational.py::test_every_sweep_equals_dense_coordinate_ascent[mixed",
    "tests/models/test_variational.py::test_the_bound_never_falls[mixed",
    "tests/models/test_variational.py::test_every_sweep_equals_dense_coordinate_ascent[scattered",
    "tests/models/test_tuning.py::test_stated_values_do_not_matter_and_would_have",
    "tests/models/streamed/test_devices.py::test_a_run_on_two_processes_is_written_by_the_first[True",
    "tests/studies/test_loops.py::test_tucker",
    "tests/studies/test_loops.py::test_acquisitions",
    "tests/studies/test_loops.py::test_sensitivity",
    "tests/test_studies.py::test_alternation_counts_what_the_blocks_can_trade",
    "tests/test_studies.py::test_every_study_writes_its_page[patches",
    "tests/test_studies.py::test_every_study_writes_its_page[posterior_limit",
    "tests/test_studies.py::test_every_study_writes_its_page[bases",
    "tests/test_studies.py::test_every_study_writes_its_page[mean_field",
)
"""The beginnings of their names."""
