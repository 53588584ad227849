//! Rules of docs/behaviour.md that no test proves.
//!
//! A test proves a rule when its name, or a comment right above it, has `rule_4_3`. Functions count
//! that the test harness runs: those with a test attribute that are not ignored.

use std::collections::BTreeSet;

/// The rules of the contract that stand, as `4_3`. One that begins with "Not yet" does not.
pub(super) fn stated(behaviour: &str) -> BTreeSet<String> {
    behaviour
        .lines()
        .filter_map(|line| line.strip_prefix("**")?.split_once("**"))
        .filter(|(_, text)| !text.trim_start().starts_with("*Not yet:*"))
        .filter_map(|(number, _)| {
            let (chapter, rule) = number.split_once('.')?;
            Some(format!("{chapter}_{rule}"))
        })
        .collect()
}

/// The rules that the tests of a source file prove.
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

/// The rules that stand and that no test proves.
pub(super) fn faults(stated: &BTreeSet<String>, proven: &BTreeSet<String>) -> Vec<String> {
    let missing = stated.difference(proven).map(|rule| {
        format!(
            "docs/behaviour.md: rule {} has no test: name one rule_{rule}_...",
            rule.replace('_', ".")
        )
    });
    missing.collect()
}

/// Every `rule_N_M` in a text, as `N_M`.
fn named(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("rule_").skip(1).filter_map(|rest| {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        let (chapter, rule) = (numbers.next()?, numbers.next()?);
        (!chapter.is_empty() && !rule.is_empty()).then(|| format!("{chapter}_{rule}"))
    })
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
        assert_eq!(stated(text), set(&["1_1", "9_1"]));
    }

    #[test]
    fn only_tests_that_run_prove_anything() {
        let text = concat!(
            "#[test]\nfn rule_1_1_a() {}\n",
            "// rule_1_2, rule_2_3\n#[tokio::test(start_paused = true)]\nasync fn b() {}\n",
            "#[test]\n#[ignore = \"slow\"]\nfn rule_1_4_c() {}\n",
            "fn rule_1_5_d() {}\n// rule_1_6\n\n#[test]\nfn e() {}\n",
        );
        assert_eq!(proven(text), set(&["1_1", "1_2", "2_3"]));
    }

    #[test]
    fn a_rule_without_a_test_is_named() {
        let faults = faults(&set(&["1_1", "1_2"]), &set(&["1_1", "1_4"]));
        assert_eq!(
            faults,
            ["docs/behaviour.md: rule 1.2 has no test: name one rule_1_2_..."]
        );
    }
}
