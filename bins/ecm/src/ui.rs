//! What people see: colours on a terminal only, errors with their causes, text or JSON.

use std::fmt::Display;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// Headings and commands.
pub(crate) const BOLD: Style = Style::new().bold();
/// What went right.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is on its way, or changes.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints an error with its causes, one a line.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("{} {error}", styled(BAD, "error:"));
    for cause in error.chain().skip(1) {
        eprintln!("  {} {cause}", styled(DIM, "because:"));
    }
}
