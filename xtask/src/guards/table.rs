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
const ELB: &str = "crates/ecm-reconciler/src/elb.rs";
const EXECUTE: &str = "crates/ecm-reconciler/src/elb/execute.rs";
const LEDGER_STORE: &str = "crates/ecm-reconciler/src/ledger_store.rs";
const OBSERVE: &str = "crates/ecm-reconciler/src/observe.rs";

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
        rule: "5.3",
        without: "a ledger of a newer version is not read",
        file: LEDGER,
        text: "if version != VERSION =>",
        instead: "if version != VERSION && false =>",
        target: Target::Lib,
        test: "ledger::tests::a_ledger_of_a_newer_layout_is_left_alone",
    },
    Guard {
        rule: "5.3",
        without: "a ledger is written onto the object that was read",
        file: LEDGER_STORE,
        text: "                \"resourceVersion\": live.metadata.resource_version,\n                \"annotations\": { keys::LEDGER: text },\n",
        instead: "                \"annotations\": { keys::LEDGER: text },\n",
        target: Target::Reconciler,
        test: "ledger_store::tests::rule_5_3_the_first_ledger_and_the_finalizer_are_one_patch_of_what_was_read",
    },
    Guard {
        rule: "5.3",
        without: "a ledger that has moved on is not written over",
        file: LEDGER_STORE,
        text: "if sequence != before || !may(&live) {",
        instead: "if !may(&live) {",
        target: Target::Reconciler,
        test: "ledger_store::tests::rule_5_3_a_ledger_that_has_moved_on_is_not_written_over",
    },
    Guard {
        rule: "5.3",
        without: "nothing is planned for what is being deleted meanwhile",
        file: LEDGER_STORE,
        text: "if sequence != before || !may(&live) {",
        instead: "if sequence != before {",
        target: Target::Reconciler,
        test: "ledger_store::tests::rule_5_3_what_is_being_deleted_gets_no_more_plans_and_its_ids_are_recorded",
    },
    Guard {
        rule: "5.3",
        without: "an id is recorded although the object is being deleted",
        file: EXECUTE,
        text: "self.ledgers.record(key, &ps.uid, current.sequence, &next)",
        instead: "self.ledgers.write(key, ps, Some(current.sequence), &next)",
        target: Target::Whole("elb"),
        test: "rule_5_3_an_id_is_recorded_also_when_the_object_is_deleted_before_the_create_is_answered",
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
        rule: "5.4",
        without: "the answer to our create is in our network",
        file: OWNERSHIP,
        text: "find(found, intent, adopt, is_in_network)",
        instead: "find(found, intent, adopt, |_| true)",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_a_load_balancer_of_another_network_is_neither_the_answer_nor_taken_over",
    },
    Guard {
        rule: "5.4",
        without: "what is taken over is in our network",
        file: OWNERSHIP,
        text: "    let adopt = adopt && found.iter().all(is_in_network);\n",
        instead: "",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_a_load_balancer_of_another_network_is_neither_the_answer_nor_taken_over",
    },
    Guard {
        rule: "5.4",
        without: "of two that bear the name none is taken over",
        file: OWNERSHIP,
        text: "(_, [only]) if adopt =>",
        instead: "(_, [only, ..]) if adopt =>",
        target: Target::Lib,
        test: "ownership::tests::rule_5_4_adopt_takes_the_only_one_and_never_one_of_two",
    },
    Guard {
        rule: "5.4",
        without: "what is taken over is shown alive by a read of its id",
        file: OBSERVE,
        text: "let read = reader.load_balancer(&found.id).await?;",
        instead: "let read = Some(found.clone());",
        target: Target::Whole("elb"),
        test: "rule_5_4_what_only_a_list_of_the_past_shows_is_not_taken_over",
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
        rule: "5.5",
        without: "a repeat sends what was recorded",
        file: RESOLVE,
        text: "                intent.repeated = true;\n",
        instead: "                intent.repeated = true;\n                intent\n                    .parameters\n                    .extend(self.parameters.clone().unwrap_or_default());\n",
        target: Target::Test("plan"),
        test: "create::rule_5_5_a_repeat_sends_what_was_recorded_whatever_was_edited_since",
    },
    Guard {
        rule: "5.5",
        without: "only a list that began late enough decides",
        file: RESOLVE,
        text: "if listed_at < intent.first_sent + crate::ledger::DECIDE_AFTER =>",
        instead: "if listed_at < intent.first_sent =>",
        target: Target::Test("plan"),
        test: "create::rule_5_5_only_a_list_that_began_after_15_minutes_decides_about_a_create",
    },
    Guard {
        rule: "5.5",
        without: "a refusal counts only if it answers the only send",
        file: EXECUTE,
        text: "    is_only_send\n        && error.effect()",
        instead: "    (is_only_send || record.intent.is_some())\n        && error.effect()",
        target: Target::Reconciler,
        test: "elb::execute::tests::rule_5_5_only_a_refusal_of_the_only_send_says_that_nothing_was_made",
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
        rule: "5.6",
        without: "what is released was read by its id just before",
        file: OBSERVE,
        text: "let listed = if by_id {",
        instead: "let listed = if by_id && false {",
        target: Target::Whole("elb"),
        test: "rule_5_6_what_was_renamed_since_the_last_list_is_not_released",
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
        rule: "8.1",
        without: "what carries our finalizer is let go whatever its class",
        file: ELB,
        text: "if (!is_ours || ps.deleting) && !ps.has_finalizer {",
        instead: "if !is_ours || (ps.deleting && !ps.has_finalizer) {",
        target: Target::Whole("elb"),
        test: "rule_8_1_a_class_that_is_not_ours_any_more_releases_nothing_and_a_deletion_everything",
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
        rule: "8.3",
        without: "only backends of the ledger leave a user's load balancer",
        file: RELEASE,
        text: "        .filter(|seen| ledger.backends.contains(&seen.server_id))\n",
        instead: "",
        target: Target::Test("plan"),
        test: "deletion::rule_8_3_cleanup_leaves_what_another_cluster_or_person_made",
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
        rule: "8.5",
        without: "what is listed still is not gone",
        file: OBSERVE,
        text: "    Ok(match later.load_balancers.get(id) {\n        Some(_) => Presence::Gone { confirmed: false },\n",
        instead: "    Ok(match later.load_balancers.get(id) {\n        Some(_) => Presence::Gone { confirmed: true },\n",
        target: Target::Whole("elb"),
        test: "rule_8_5_what_is_listed_still_is_not_gone_although_the_read_says_so",
    },
    Guard {
        rule: "8.5",
        without: "what was just made and is not shown yet is not gone",
        file: RESOLVE,
        text: "if record.may_be_unseen(self.now) =>",
        instead: "if record.may_be_unseen(self.now) && false =>",
        target: Target::Whole("elb"),
        test: "rule_8_5_what_was_just_made_and_is_not_shown_yet_is_neither_made_again_nor_forgotten",
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
    Guard {
        rule: "8.6",
        without: "what we released ourselves is no loss",
        file: RESOLVE,
        text: "if self.mass_loss && !record.releasing =>",
        instead: "if self.mass_loss =>",
        target: Target::Test("plan"),
        test: "deletion::rule_8_6_what_we_released_ourselves_is_no_loss",
    },
];
