//! Tables that align.

#[cfg(feature = "sandbox")]
use anstream::println;
use comfy_table::{Table, presets};

#[cfg(feature = "sandbox")]
/// Prints rows as kubectl does: no lines, columns three blanks apart.
pub(crate) fn print<R: AsRef<[String]>>(header: &[&str], rows: impl IntoIterator<Item = R>) {
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
