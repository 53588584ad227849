//! The documents keep up with the code: links lead somewhere, cited rules exist, reasons are explained.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use poolservice_api::{ConditionType, Reason};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All files below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The documents that people write.
fn documents() -> Vec<PathBuf> {
    let mut all = vec![
        root().join("README.md"),
        root().join("CONTRIBUTING.md"),
        root().join("examples/README.md"),
    ];
    all.extend(files(&root().join("docs"), "md"));
    all
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap();
            let is_file = !target.is_empty() && !target.contains("://");
            if is_file && !document.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_rule_that_the_code_cites_is_written_down() {
    let rules = read("docs/behaviour.md");
    let mut missing = BTreeSet::new();
    let mut cited = 0;
    for folder in ["bins", "crates", "xtask"] {
        for file in files(&root().join(folder), "rs") {
            for rest in fs::read_to_string(&file)
                .unwrap()
                .split("(behaviour ")
                .skip(1)
            {
                let digits = |c: char| c.is_ascii_digit() || c == '.';
                let number: String = rest.chars().take_while(|c| digits(*c)).collect();
                let number = number.trim_end_matches('.');
                cited += 1;
                let is_there = rules.contains(&format!("**{number}** "))
                    || rules.contains(&format!("\n## {number}. "));
                if !is_there {
                    missing.insert(format!("{}: {number}", file.display()));
                }
            }
        }
    }
    assert!(
        cited > 20,
        "only {cited} citations found: has their form changed?"
    );
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_reason_is_explained_and_no_other_word_is() {
    let text = read("docs/troubleshooting.md");
    let explained = |word: &str| text.contains(&format!("`{word}`"));
    for reason in Reason::ALL {
        assert!(
            explained(reason.as_str()),
            "{reason}: explain it in docs/troubleshooting.md"
        );
    }
    for condition in ConditionType::ALL {
        assert!(
            explained(condition.as_str()),
            "{condition} is not explained"
        );
    }
    // The first cell of a row is a reason, a condition, or not a single word in code.
    for row in text.lines().filter_map(|line| line.strip_prefix("| `")) {
        let word = row.split('`').next().unwrap();
        assert!(
            Reason::parse(word).is_some() || ConditionType::parse(word).is_some(),
            "{word} is explained, but nothing says it any more"
        );
    }
}
