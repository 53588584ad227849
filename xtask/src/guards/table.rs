//! Which code guards money, and which test has to notice when it is missing.

use super::{Guard, Target};

const LEDGER: &str = "crates/ecm-policy/src/ledger.rs";
const OWNERSHIP: &str = "crates/ecm-policy/src/ownership.rs";
const NAMING: &str = "crates/ecm-policy/src/naming.rs";
const DESIRED: &str = "crates/ecm-policy/src/desired.rs";
const LOSSES: &str = "crates/ecm-policy/src/losses.rs";
const PLAN: &str = "crates/ecm-policy/src/plan/mod.rs";
const RESOLVE: &str = "crates/ecm-policy/src/plan/resolve.rs";
const RELEASE: &str = "crates/ecm-policy/src/plan/release.rs";

/// The rules of `docs/behaviour.md` that guard money. Each has a row below.
#[cfg(test)]
pub(super) const RULES: [&str; 11] = [
    "5.3", "5.4", "5.5", "5.6", "5.7", "8.1", "8.2", "8.3", "8.4", "8.5", "8.6",
];

/// All rows, in the order of the rules.
pub(super) const GUARDS: &[Guard] = &[
    Guard {
        rule: "5.3",
        without: "a copied ledger is somebody else's",
        file: LEDGER,
        text: "        Ok(ledger) if ledger.pool_service_uid != uid => missing(),\n",
        instead: "",
        target: Target::Lib,
        test: "ledger::tests::rule_5_3_a_copied_ledger_is_not_trusted",
    },
    Guard {
        rule: "5.3",
        without: "a finalizer without a ledger is a loss",
        file: LEDGER,
        text: "            State::Lost(Loss::Missing)\n",
        instead: "            State::None\n",
        target: Target::Lib,
        test: "ledger::tests::rule_5_3_a_finalizer_without_a_readable_ledger_is_a_lost_ledger",
    },
    Guard {
        rule: "5.3",
        without: "nothing is planned on a lost ledger",
        file: PLAN,
        text: "    if let State::Lost(loss) = ledger {\n",
        instead: "    if let (State::Lost(loss), true) = (ledger, false) {\n",
        target: Target::Test("golden"),
        test: "what_is_desired_and_planned_is_what_a_person_has_read",
    },
    Guard {
        rule: "5.3",
        without: "the intent is recorded before the create is sent",
        file: RESOLVE,
        text: "                record.intent = Some(intent.clone());
                Standing::Create(intent)
            }
        }
    }
}
",
        instead: "                Standing::Create(intent)
            }
        }
    }
}
",
        target: Target::Test("plan"),
        test: "create::rule_5_5_a_lost_answer_is_found_by_name_or_by_repeating",
    },
    Guard {
        rule: "5.4",
        without: "a name is taken over only where a person says so",
        file: OWNERSHIP,
        text: "(_, [only]) if adopt =>",
        instead: "(_, [only]) =>",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_the_name_alone_is_a_conflict",
    },
    Guard {
        rule: "5.4",
        without: "what is older than a create is not its answer",
        file: OWNERSHIP,
        text: ".is_some_and(|at| at + CLOCK_TOLERANCE >= intent.first_sent)",
        instead: ".is_some()",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_an_unanswered_create_takes_what_is_not_older_than_it",
    },
    Guard {
        rule: "5.4",
        without: "an EIP without our tags is not the answer to our create",
        file: OWNERSHIP,
        text: "        eip.tag(tags::POOL_SERVICE_UID) == Some(pool_service_uid)
            && eip.tag(tags::CLUSTER_UID) == Some(cluster_uid)
",
        instead: "        let _ = (eip, pool_service_uid);
        true
",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_the_name_alone_is_a_conflict",
    },
    Guard {
        rule: "5.4",
        without: "another cluster of our id stops everything",
        file: OWNERSHIP,
        text: "if let Some((id, cluster_uid)) = foreign {",
        instead: "if let Some((id, cluster_uid)) = foreign.filter(|_| false) {",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_another_cluster_with_our_id_stops_everything",
    },
    Guard {
        rule: "5.5",
        without: "each attempt has a ClientToken of its own",
        file: NAMING,
        text: "{pool_service_uid}/{kind}/{attempt}",
        instead: "{pool_service_uid}/{kind}",
        target: Target::Test("naming"),
        test: "rule_5_5_tokens_differ_by_object_kind_and_attempt",
    },
    Guard {
        rule: "5.5",
        without: "a create is not repeated with a token that may be forgotten",
        file: LEDGER,
        text: "if age < REPEAT_FOR {",
        instead: "if age < DECIDE_AFTER {",
        target: Target::Lib,
        test: "ledger::tests::rule_5_5_an_unresolved_create_is_repeated_then_waited_for_then_decided",
    },
    Guard {
        rule: "5.5",
        without: "only \"absent\" lets an intent be forgotten",
        file: RESOLVE,
        text: "                Finding::Conflict(ids) => Standing::Conflict(ids),
                finding => self.fresh(record, finding, events),
",
        instead: "                Finding::Conflict(_) => {
                    record.intent = None;
                    Standing::Recorded
                }
                finding => self.fresh(record, finding, events),
",
        target: Target::Test("plan"),
        test: "deletion::rule_5_5_a_conflict_does_not_make_a_release_forget_an_open_create",
    },
    Guard {
        rule: "5.6",
        without: "only what bears a recorded name is released",
        file: RELEASE,
        text: "record.is_ours() && record.names.contains(name)",
        instead: "record.is_ours()",
        target: Target::Test("plan"),
        test: "deletion::rule_5_6_what_was_renamed_is_not_released",
    },
    Guard {
        rule: "5.7",
        without: "a ledger of another cluster id stops every write",
        file: PLAN,
        text: "(ledger.cluster_id != cx.identity.cluster_id
            || ledger.cluster_uid != cx.identity.cluster_uid)",
        instead: "(ledger.cluster_uid != cx.identity.cluster_uid)",
        target: Target::Test("plan"),
        test: "refusals::rule_5_7_another_cluster_id_stops_every_write_even_of_a_release",
    },
    Guard {
        rule: "5.7",
        without: "credentials of another account stop every write",
        file: PLAN,
        text: "ledger.and_then(|ledger| other_account(ledger, cx.identity))",
        instead: "ledger.and_then(|ledger| other_account(ledger, cx.identity)).filter(|_| false)",
        target: Target::Test("plan"),
        test: "refusals::rule_5_7_credentials_of_another_account_prove_nothing_and_change_nothing",
    },
    Guard {
        rule: "8.1",
        without: "a missing Service or pool releases nothing",
        file: DESIRED,
        text: "    if ps.deleting {\n",
        instead: "    if ps.deleting || snapshot.service.is_none() || snapshot.pool.is_none() {\n",
        target: Target::Test("plan"),
        test: "refusals::rule_8_1_a_missing_service_or_pool_changes_nothing",
    },
    Guard {
        rule: "8.2",
        without: "retained resources stay",
        file: RELEASE,
        text: "        (_, DeletionPolicy::Retain) => retain(ledger, observed, cx, &mut plan),
        (_, DeletionPolicy::Delete) => {
",
        instead: "        (_, DeletionPolicy::Retain | DeletionPolicy::Delete) => {\n",
        target: Target::Test("plan"),
        test: "deletion::rule_8_2_retain_leaves_both_but_not_an_open_create",
    },
    Guard {
        rule: "8.2",
        without: "the address is withdrawn before anything is released",
        file: RELEASE,
        text: "if !cx.pool_service.published.is_empty() {",
        instead: "if false {",
        target: Target::Test("plan"),
        test: "deletion::rule_8_4_a_release_needs_only_the_ledger_and_takes_the_address_back_first",
    },
    Guard {
        rule: "8.2",
        without: "the EIP leaves before the load balancer is released",
        file: RELEASE,
        text: "        Standing::Here(_) if is_bound => false,\n",
        instead: "",
        target: Target::Test("plan"),
        test: "deletion::rule_8_4_a_release_needs_only_the_ledger_and_takes_the_address_back_first",
    },
    Guard {
        rule: "8.3",
        without: "a user's load balancer is cleaned only where that was asked for",
        file: RELEASE,
        text: "(Owner::User, _) if on_delete.cleanup =>",
        instead: "(Owner::User, _) if on_delete.cleanup || true =>",
        target: Target::Test("plan"),
        test: "deletion::rule_8_3_cleanup_takes_only_ours_off_a_users_load_balancer",
    },
    Guard {
        rule: "8.3",
        without: "a listener with another's description is not ours",
        file: RELEASE,
        text: "                && seen.description == name.listener_description(seen.key.port, seen.key.protocol)\n",
        instead: "",
        target: Target::Test("plan"),
        test: "deletion::rule_8_3_cleanup_takes_only_ours_off_a_users_load_balancer",
    },
    Guard {
        rule: "8.4",
        without: "the ledger knows the deletion policy when nothing else does",
        file: RELEASE,
        text: "release.on_delete.or(ledger.on_delete)",
        instead: "release.on_delete",
        target: Target::Test("plan"),
        test: "deletion::rule_8_4_a_deletion_policy_that_cannot_be_read_any_more_is_the_one_that_was",
    },
    Guard {
        rule: "8.5",
        without: "one read that says gone does not let the finalizer go",
        file: RESOLVE,
        text: "            Presence::Gone { confirmed: false } => Standing::Wait(Wait::Pending),\n",
        instead: "            Presence::Gone { confirmed: false } if self.parameters.is_none() => Standing::Absent,
            Presence::Gone { confirmed: false } => Standing::Wait(Wait::Pending),
",
        target: Target::Test("plan"),
        test: "deletion::rule_8_5_a_finalizer_waits_until_a_list_agrees_that_all_is_gone",
    },
    Guard {
        rule: "8.5",
        without: "an open create is resolved before the finalizer goes",
        file: RESOLVE,
        text: "if record.intent.is_none() && self.parameters.is_none() {",
        instead: "if self.parameters.is_none() {",
        target: Target::Test("plan"),
        test: "deletion::rule_5_5_a_conflict_does_not_make_a_release_forget_an_open_create",
    },
    Guard {
        rule: "8.6",
        without: "in a mass loss nothing is believed to be gone",
        file: RESOLVE,
        text: "if self.mass_loss && !record.releasing =>",
        instead: "if self.mass_loss && !record.releasing && false =>",
        target: Target::Test("plan"),
        test: "deletion::rule_8_6_in_a_mass_loss_nothing_is_made_again_withdrawn_or_let_go",
    },
    Guard {
        rule: "8.6",
        without: "more losses than are believed are held",
        file: LOSSES,
        text: "        if recent.count() > limit {\n",
        instead: "        if recent.count() > recorded.len() {\n",
        target: Target::Lib,
        test: "losses::tests::rule_8_6_three_are_believed_and_four_of_a_few_are_not",
    },
];
