//! `cargo xtask codegen`: files that follow from the code. They are checked in, so that people can
//! read and apply them without building anything, and `--check` fails where one has drifted.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::workspace;

mod annotations;
mod conditions;
mod deployment;
mod events;
mod labels;
mod metrics;
mod rbac;

/// Arguments of `codegen`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail when a file is not what it would be.
    #[arg(long)]
    check: bool,
}

/// A file that is made here.
struct Output {
    /// From the root of the repository.
    path: &'static str,
    text: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut drifted = Vec::new();
    for output in outputs()? {
        let path = workspace::root().join(output.path);
        // A file that is not there has drifted from the first line on.
        let current = fs::read_to_string(&path).unwrap_or_default();
        if current == output.text {
            continue;
        }
        if args.check {
            drifted.push(difference(output.path, &current, &output.text));
        } else {
            write(&path, &output.text)?;
            println!("wrote {}", output.path);
        }
    }
    if drifted.is_empty() {
        return Ok(());
    }
    bail!(
        "{}\nThese files follow from the code: run `cargo xtask codegen` and commit the result.",
        drifted.join("\n")
    );
}

/// Every file that is made here.
fn outputs() -> Result<Vec<Output>> {
    let crd = yaml(&poolservice_api::pool_service_crd())?;
    let mut documents = vec![crd.clone()];
    documents.extend(rbac::documents()?);
    documents.push(deployment::document()?);
    Ok(vec![
        Output {
            path: "deploy/crds/poolservices.yaml",
            text: format!("{CRD_HEADER}{crd}"),
        },
        Output {
            path: "deploy/install.yaml",
            text: format!("{INSTALL_HEADER}{}", documents.join("---\n")),
        },
        Output {
            path: "deploy/ram/policy.json",
            text: ram_policy()?,
        },
        Output {
            path: "docs/reference/annotations.md",
            text: annotations::markdown(),
        },
        Output {
            path: "docs/reference/conditions.md",
            text: conditions::markdown(),
        },
        Output {
            path: "docs/reference/events.md",
            text: events::markdown(),
        },
        Output {
            path: "docs/reference/labels.md",
            text: labels::markdown(),
        },
        Output {
            path: "docs/reference/metrics.md",
            text: metrics::markdown(),
        },
    ])
}

const CRD_HEADER: &str = "\
# The PoolService definition alone. deploy/install.yaml has it too.
# Made by `cargo xtask codegen` from crates/poolservice-api; do not edit.
";

const INSTALL_HEADER: &str = "\
# All that a cluster needs: `kubectl apply -f deploy/`.
# Made by `cargo xtask codegen`; do not edit.
#
# Before that:
# - put your image in the Deployment: registry.example.com is a placeholder;
# - give the controller its keys, which need access to ENS only:
#     kubectl -n kube-system create secret generic ecm-credentials \\
#       --from-literal=access-key-id=... --from-literal=access-key-secret=...
# The pod waits until the secret exists.
";

/// An object of Kubernetes as one YAML document.
fn yaml(object: &impl Serialize) -> Result<String> {
    // Through a value, so that keys are sorted and the text does not depend on a type's layout.
    let value = serde_json::to_value(object).context("serialize an object")?;
    let mut text = serde_saphyr::to_string(&value).context("write YAML")?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The policy of the RAM user. It has a folder of its own: `kubectl apply -f deploy/` takes JSON too.
fn ram_policy() -> Result<String> {
    let policy = ecm_reconciler::permissions::ram_policy();
    let text = serde_json::to_string_pretty(&policy).context("write JSON")?;
    Ok(format!("{text}\n"))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// The first place where a file differs from what it should be.
fn difference(path: &str, current: &str, wanted: &str) -> String {
    let (mut old, mut new) = (current.lines(), wanted.lines());
    let mut number = 1;
    loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => number += 1,
            (None, None) => return format!("{path}: the end of the file differs"),
            (old, new) => {
                let line = |sign: char, text: Option<&str>| match text {
                    Some(text) => format!("\n{sign} {text}"),
                    None => String::new(),
                };
                return format!(
                    "{path}:{number} differs{}{}",
                    line('-', old),
                    line('+', new)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_named_with_file_line_and_both_texts() {
        assert_eq!(difference("f", "a\nb\n", "a\nc\n"), "f:2 differs\n- b\n+ c");
        assert_eq!(difference("f", "", "a\n"), "f:1 differs\n+ a");
        assert_eq!(difference("f", "a\nb\n", "a\n"), "f:2 differs\n- b");
        assert_eq!(
            difference("f", "a", "a\n"),
            "f: the end of the file differs"
        );
    }

    #[test]
    fn what_is_checked_in_is_what_the_code_says() -> Result<()> {
        run(&Args { check: true })
    }
}
