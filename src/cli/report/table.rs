//! Tables for people: columns separated by blanks, no lines.

use comfy_table::{Table, presets};

/// Lays out rows under a header; cells must have been escaped.
///
/// ```
/// use pyro::cli::report::table::table;
/// assert_eq!(table(&["NAME", "SIZE"], [["a".into(), "1 B".into()]]), "NAME  SIZE\na     1 B\n");
/// ```
#[must_use]
pub fn table<const N: usize>(
    header: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// One line for each text, which must have been escaped.
#[must_use]
pub fn lines(texts: &[String]) -> String {
    texts
        .iter()
        .flat_map(|text| [text.as_str(), "\n"])
        .collect()
}
