//! What the documentation says of each action.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ens_openapi::rate_limit::published_per_second;

const PARTS: [&str; 4] = ["* Repeat: ", "* Done: ", "* Rate: ", "* Source: "];

/// The text of all files of `src/api`.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// Doc comments that begin with the name of an action: the lines of each.
fn blocks(source: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in source.lines().map(str::trim) {
        match (line.strip_prefix("///"), blocks.last_mut()) {
            (Some(text), Some(block)) => block.push(text.trim()),
            _ => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| block.first().is_some_and(|line| action(line).is_some()));
    blocks
}

/// The action that a line such as "`CreateEipInstance`: makes an EIP." is about.
fn action(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix('`')?.split_once('`')?;
    let is_name = name.len() > 8 && name.chars().all(|c| c.is_ascii_alphanumeric());
    (is_name && (rest.starts_with(": ") || rest.contains("`: "))).then_some(name)
}

#[test]
fn every_action_says_whether_it_may_be_repeated_when_it_is_done_its_rate_and_its_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let sources = sources(&folder);
    let mut documented = 0;
    for block in sources.iter().flat_map(|source| blocks(source)) {
        documented += 1;
        for part in PARTS {
            assert!(
                block.iter().any(|line| line.starts_with(part)),
                "{part}is missing: {block:#?}"
            );
        }
    }
    assert!(documented > 35, "{documented} actions are documented");
}

#[test]
fn the_rates_in_the_documentation_are_those_that_the_limiter_keeps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut compared = BTreeSet::new();
    for source in sources(&folder) {
        for block in blocks(&source) {
            let action = action(block[0]).unwrap();
            let rate = block.iter().find_map(|line| line.strip_prefix("* Rate: "));
            let rate = rate.unwrap().split(' ').next().unwrap();
            if let Ok(rate) = rate.parse::<u32>() {
                assert_eq!(published_per_second(action), rate, "{action}");
                compared.insert(action.to_owned());
            }
        }
    }
    assert!(
        compared.contains("CreateLoadBalancer") && compared.len() > 20,
        "{compared:?}"
    );
}
