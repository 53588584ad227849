//! Calls that change the cloud, outside of the one place that may make them.
//!
//! What a write is follows from the trait `EnsApi`: every method of it that does not describe something. The
//! controllers make them in `executor`, which asks for leadership first. See docs/architecture.md.

use std::path::Path;

/// The trait.
pub(super) const TRAIT: &str = "crates/ens-openapi/src/api/ens_api.rs";

/// Where the controllers stand, and the programs around them.
const LOOKED_AT: [&str; 2] = ["crates/ecm-reconciler/src", "bins/ecm/src"];

/// Who may: the executor alone.
const MAY_WRITE: &str = "crates/ecm-reconciler/src/executor";

/// The methods of the trait that change the cloud.
pub(super) fn writes(text: &str) -> Vec<String> {
    let methods = text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("async fn ")?;
        rest.split('(').next()
    });
    methods
        .filter(|name| !name.starts_with("describe_"))
        .map(str::to_owned)
        .collect()
}

/// The lines of a file that make one of these calls although they may not.
pub(super) fn faults(file: &Path, text: &str, writes: &[String]) -> Vec<String> {
    let is_looked_at = LOOKED_AT.iter().any(|folder| file.starts_with(folder));
    // The module's own file and what stands below it.
    let may = file.starts_with(MAY_WRITE) || file.with_extension("") == Path::new(MAY_WRITE);
    if !is_looked_at || may {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for name in writes.iter().filter(|name| calls(line, name)) {
            faults.push(format!(
                "{}:{number}: {name} changes the cloud: only {MAY_WRITE} may, with leadership in hand",
                file.display()
            ));
        }
    }
    faults
}

/// Whether a line calls the method of this name.
fn calls(line: &str, name: &str) -> bool {
    [".", "::"].iter().any(|before| {
        let call = format!("{before}{name}");
        let mut found = line.match_indices(&call);
        found.any(|(place, _)| line[place + call.len()..].starts_with(['(', ')', ',']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "trait EnsApi {\n    async fn describe_eips(&self);\n    async fn delete_eip(\n        &self,\n";

    #[test]
    fn what_does_not_describe_is_a_write() {
        assert_eq!(writes(TEXT), ["delete_eip"]);
    }

    #[test]
    fn a_write_outside_of_the_executor_is_named_with_its_line() {
        let code = "let x = 1;\napi.delete_eip(id).await;\n";
        let found = |file: &str| faults(Path::new(file), code, &writes(TEXT));
        assert_eq!(
            found("crates/ecm-reconciler/src/region/reader.rs"),
            [
                "crates/ecm-reconciler/src/region/reader.rs:2: delete_eip changes the cloud: only \
                 crates/ecm-reconciler/src/executor may, with leadership in hand"
            ]
        );
        assert!(found("crates/ecm-reconciler/src/executor/write.rs").is_empty());
        assert!(found("crates/ecm-reconciler/src/executor.rs").is_empty());
        assert!(found("crates/ens-openapi/src/lib.rs").is_empty());
    }

    #[test]
    fn a_longer_name_and_a_function_that_is_passed_on_are_told_apart() {
        assert!(calls("retry(EnsApi::delete_eip, id)", "delete_eip"));
        assert!(!calls("self.delete_eip_record(id)", "delete_eip"));
        assert!(!calls("/// `delete_eip` is one", "delete_eip"));
    }
}
