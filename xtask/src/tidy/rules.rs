//! Rules of docs/behaviour.md, and pitfalls of docs/pitfalls.md, that no test proves.
//!
//! A test proves a rule when its name, or a comment right above it, has `rule_4_3`, and a pitfall when
//! that has `pitfall_08`. Functions count that the test harness runs: those with a test attribute that
//! are not ignored.

use std::collections::BTreeSet;

/// The rules of the contract that stand, as `rule_4_3`. One that begins with "Not yet" does not.
pub(super) fn stated(behaviour: &str) -> BTreeSet<String> {
    paragraphs(behaviour)
        .filter(|(_, text)| !text.trim_start().starts_with("*Not yet:*"))
        .filter_map(|(number, _)| {
            let (chapter, rule) = number.split_once('.')?;
            Some(format!("rule_{chapter}_{rule}"))
        })
        .collect()
}

/// The pitfalls of the list, as `pitfall_08`.
pub(super) fn pitfalls(list: &str) -> BTreeSet<String> {
    paragraphs(list)
        .filter_map(|(number, _)| Some(format!("pitfall_{:02}", number.parse::<u8>().ok()?)))
        .collect()
}

/// What begins with something in bold, and the rest of its line.
fn paragraphs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines();
    lines.filter_map(|line| line.strip_prefix("**")?.split_once("**"))
}

/// What the tests of a source file prove.
pub(super) fn proven(source: &str) -> BTreeSet<String> {
    let mut proven = BTreeSet::new();
    // What stands above a function: its comments and attributes.
    let (mut comments, mut is_test, mut is_ignored) = (String::new(), false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("//") {
            comments.push_str(line);
        } else if line.starts_with("#[") {
            let attribute = line.trim_start_matches("#[");
            is_test |= ["test]", "tokio::test]", "tokio::test("]
                .iter()
                .any(|test| attribute.starts_with(test));
            is_ignored |= attribute.starts_with("ignore");
        } else {
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            if let Some(name) = name.filter(|_| is_test && !is_ignored) {
                proven.extend(named(&comments));
                proven.extend(named(name.split('(').next().unwrap_or_default()));
            }
            (comments, is_test, is_ignored) = (String::new(), false, false);
        }
    }
    proven
}

/// What is stated in a document and proven by no test.
pub(super) fn faults(
    document: &str,
    stated: &BTreeSet<String>,
    proven: &BTreeSet<String>,
) -> Vec<String> {
    let missing = stated
        .difference(proven)
        .map(|what| format!("{document}: no test proves {what}: name one {what}_..."));
    missing.collect()
}

/// Every `rule_N_M` and `pitfall_N` in a text.
fn named(text: &str) -> impl Iterator<Item = String> + '_ {
    let rules = text.split("rule_").skip(1).filter_map(|rest| {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        let (chapter, rule) = (numbers.next()?, numbers.next()?);
        (!chapter.is_empty() && !rule.is_empty()).then(|| format!("rule_{chapter}_{rule}"))
    });
    let pitfalls = text.split("pitfall_").skip(1).filter_map(|rest| {
        let number = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        (!number.is_empty()).then(|| format!("pitfall_{number}"))
    });
    rules.chain(pitfalls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rules: &[&str]) -> BTreeSet<String> {
        rules.iter().map(|rule| (*rule).to_owned()).collect()
    }

    #[test]
    fn a_rule_that_does_not_stand_needs_no_test() {
        let text = "**1.1** One.\n**1.2** *Not yet:* two.\nAs **1.3** says.\n**9.1** Late.\n";
        assert_eq!(stated(text), set(&["rule_1_1", "rule_9_1"]));
    }

    #[test]
    fn only_tests_that_run_prove_anything() {
        let text = concat!(
            "#[test]\nfn rule_1_1_a() {}\n",
            "// rule_1_2, rule_2_3\n#[tokio::test(start_paused = true)]\nasync fn b() {}\n",
            "#[test]\n#[ignore = \"slow\"]\nfn rule_1_4_c() {}\n",
            "fn rule_1_5_d() {}\n// rule_1_6\n\n#[test]\nfn e() {}\n",
            "#[test]\nfn pitfall_07_f() {}\n",
        );
        assert_eq!(
            proven(text),
            set(&["rule_1_1", "rule_1_2", "rule_2_3", "pitfall_07"])
        );
    }

    #[test]
    fn the_numbers_of_the_list_are_pitfalls() {
        let text = "# Pitfalls\n**1** One.\nand **2** is none\n**12** Twelve.\n**Bold** text.\n";
        assert_eq!(pitfalls(text), set(&["pitfall_01", "pitfall_12"]));
    }

    #[test]
    fn what_has_no_test_is_named() {
        let stated = set(&["rule_1_1", "rule_1_2"]);
        let proven = set(&["rule_1_1", "rule_1_4"]);
        assert_eq!(
            faults("docs/behaviour.md", &stated, &proven),
            ["docs/behaviour.md: no test proves rule_1_2: name one rule_1_2_..."]
        );
    }
}
