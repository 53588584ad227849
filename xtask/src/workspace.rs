//! Where this repository is, and which files it has.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The folder of this name for what a task builds or keeps, below cargo's own.
pub(crate) fn output(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join(name)
}

/// The cargo that runs this task, at work on this repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(root());
    command
}

/// Where that cargo is.
pub(crate) fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Every text file that people write or that is generated, relative to the root and sorted. Build
/// output and what tools keep for themselves are left out.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = root().join(&directory);
        let entries = fs::read_dir(&path).with_context(|| format!("list {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", path.display()))?;
            let name = entry.file_name();
            let name_text = name.to_string_lossy();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_made =
                name_text.starts_with("target") || [".git", ".direnv"].contains(&&*name_text);
            if is_directory && !is_made {
                directories.push(directory.join(&name));
            } else if !is_directory && is_text(Path::new(&name)) {
                files.push(directory.join(&name));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_text(file: &Path) -> bool {
    file.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| {
            ["json", "md", "py", "rs", "sh", "toml", "yaml", "yml"].contains(&extension)
        })
}

/// The text of a file of the repository.
pub(crate) fn read(file: &Path) -> Result<String> {
    let path = root().join(file);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}
