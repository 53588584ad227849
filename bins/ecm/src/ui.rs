//! What people see: colours on a terminal only, tables that align, errors with their causes.

use std::fmt::Display;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

/// Headings and commands.
pub(crate) const BOLD: Style = Style::new().bold();
/// What went right.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();

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

/// Prints rows as kubectl does: no lines, columns three blanks apart.
pub(crate) fn table<R: AsRef<[String]>>(header: &[&str], rows: impl IntoIterator<Item = R>) {
    println!("{}", render(header, rows));
}

/// The text of a table.
pub(crate) fn render<R: AsRef<[String]>>(
    header: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.as_ref());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_like_those_of_kubectl() {
        let rows = [
            vec!["cube-svc-np-heifei".to_owned(), "3s".to_owned()],
            vec!["x".to_owned(), "12m".to_owned()],
        ];
        assert_eq!(
            render(&["NAME", "AGE"], rows),
            "NAME                 AGE\ncube-svc-np-heifei   3s\nx                    12m"
        );
    }
}
