//! The rows of the tables that the public documents of the API add up to, and the tests that stand for them. A row
//! without a test that runs fails here.

use std::collections::BTreeSet;

/// Whether public documents settle a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Documented,
    /// At least one value is inferred from clients; its test says which.
    InPart,
}

use Known::{Documented, InPart};

/// Statuses, limits and classes of errors: the row, how well it is known, its tests.
const ROWS: &[(&str, Known, &[&str])] = &[
    (
        "status of an ELB",
        Documented,
        &["status_of_a_load_balancer_is_active_or_inactive"],
    ),
    (
        "status of a listener, read alone",
        InPart,
        &["status_of_a_listener_is_one_of_five_words_in_attribute_reads"],
    ),
    (
        "status of a listener, listed",
        InPart,
        &["status_of_a_listener_is_running_or_stopped_in_lower_case_in_the_list"],
    ),
    (
        "status of an EIP",
        Documented,
        &["status_of_an_eip_is_available_associating_in_use_or_unassociating"],
    ),
    (
        "IpStatus of an EIP",
        InPart,
        &["ip_status_of_an_eip_is_its_status"],
    ),
    (
        "status of a network",
        Documented,
        &["status_of_a_network_is_pending_or_available"],
    ),
    (
        "status of a vSwitch",
        InPart,
        &["status_of_a_vswitch_is_pending_available_or_releasing"],
    ),
    (
        "status of an instance",
        Documented,
        &["status_of_an_instance_is_running_stopped_or_expired"],
    ),
    (
        "ClientToken",
        InPart,
        &[
            "limits_of_a_client_token_are_64_ascii_characters",
            "a_client_token_gives_the_first_result_for_ten_minutes",
            "a_client_token_with_other_parameters_is_refused",
            "a_refusal_voids_the_client_token",
            "a_repetition_is_processing_until_the_late_effect_and_then_gets_its_result",
            "a_late_call_that_is_refused_in_the_end_voids_its_token",
        ],
    ),
    (
        "paging",
        Documented,
        &[
            "limits_of_paging_by_list",
            "lists_have_ten_rows_a_page_and_pages_do_not_overlap",
        ],
    ),
    (
        "encoding",
        Documented,
        &[
            "encoding_of_json_text_and_of_numbered_parameters",
            "v3_requests_pass_with_query_and_with_form",
        ],
    ),
    (
        "JSON shape",
        Documented,
        &[
            "json_shape_of_lists_is_wrapped_but_for_the_attribute_read_of_an_elb",
            "adding_echoes_numbers_and_reading_shows_text_with_a_line_feed",
            "the_list_shows_ports_as_text_and_the_status_in_lower_case",
        ],
    ),
    (
        "schedulers",
        Documented,
        &["limits_of_schedulers_by_protocol"],
    ),
    ("rates", Documented, &["limits_of_rates_by_action"]),
    (
        "quotas",
        InPart,
        &[
            "limits_of_quotas_are_settings_because_none_is_published",
            "each_quota_refuses_what_goes_beyond_it",
        ],
    ),
    (
        "reserved UDP ports",
        Documented,
        &["limits_of_reserved_udp_ports"],
    ),
    (
        "parameters of listeners",
        Documented,
        &["limits_of_listener_parameters"],
    ),
    (
        "times",
        InPart,
        &["times_of_an_elb_are_iso_8601_and_those_of_an_eip_are_digits"],
    ),
    (
        "specs",
        Documented,
        &["limits_of_specs_are_those_that_are_listed"],
    ),
    (
        "names and descriptions",
        InPart,
        &["limits_of_names_and_descriptions"],
    ),
    (
        "backends of one call",
        Documented,
        &["limits_of_a_batch_of_backends_are_1_to_20"],
    ),
    ("errors: not found", InPart, &["error_class_not_found"]),
    (
        "errors: wrong state or busy",
        InPart,
        &["error_class_wrong_state_or_busy"],
    ),
    ("errors: conflict", InPart, &["error_class_conflict"]),
    (
        "errors: quota or sale",
        InPart,
        &["error_class_quota_or_sale"],
    ),
    ("errors: parameter", Documented, &["error_class_parameter"]),
    (
        "errors: permission",
        Documented,
        &["error_class_permission"],
    ),
    ("errors: opaque", Documented, &["error_class_opaque"]),
    (
        "errors: throttling",
        Documented,
        &[
            "error_class_throttling",
            "throttling_says_how_long_to_wait_in_milliseconds",
        ],
    ),
    ("errors: server", Documented, &["error_class_server"]),
    (
        "errors: routing",
        Documented,
        &[
            "other_methods_paths_and_bodies_are_refused",
            "an_unknown_action_is_not_found",
        ],
    ),
    (
        "errors: authentication",
        Documented,
        &[
            "an_unknown_key_is_not_found",
            "a_wrong_secret_is_told_the_servers_string_to_sign",
            "a_nonce_passes_once_and_a_forged_request_does_not_use_it_up",
            "a_clock_more_than_fifteen_minutes_off_is_expired",
            "each_common_parameter_that_is_missing_or_wrong_is_named",
        ],
    ),
];

/// How many of the sources hold tests of rows alone.
const TABLES: usize = 3;
/// Where the tests of rows stand.
const SOURCES: &[&str] = &[
    include_str!("tables/statuses.rs"),
    include_str!("tables/limits.rs"),
    include_str!("tables/errors.rs"),
    include_str!("mod.rs"),
    include_str!("limits.rs"),
    include_str!("listener_limits.rs"),
    include_str!("backends.rs"),
    include_str!("listeners.rs"),
    include_str!("load_balancers.rs"),
    include_str!("eips.rs"),
    include_str!("faults.rs"),
    include_str!("reads.rs"),
    include_str!("../../wire/tests.rs"),
];

/// The tests of a source, each with the text of its function.
fn tests_of(source: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let functions = source.split("#[test]\nfn ").skip(1);
    functions.filter_map(|text| Some((text.split_once('(')?.0, text)))
}

fn tests() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.iter().flat_map(|source| tests_of(source))
}

#[test]
fn every_row_has_a_test_and_every_test_of_the_tables_a_row() {
    let named: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.2).copied().collect();
    let there: BTreeSet<&str> = tests().map(|(name, _)| name).collect();
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(
        missing.is_empty(),
        "rows name tests that are not there: {missing:?}"
    );
    let of_tables = SOURCES
        .iter()
        .take(TABLES)
        .flat_map(|source| tests_of(source));
    let of_tables = of_tables.map(|(name, _)| name);
    let without: Vec<_> = of_tables.filter(|name| !named.contains(name)).collect();
    assert!(
        without.is_empty(),
        "tests of the tables without a row: {without:?}"
    );
}

#[test]
fn what_is_inferred_says_so_in_its_test() {
    for (row, known, names) in ROWS {
        let says_so = tests()
            .filter(|(name, _)| names.contains(name))
            .any(|(_, text)| text.contains("Inferred"));
        assert!(
            *known == Documented || says_so,
            "{row}: no test says what is inferred"
        );
    }
}
