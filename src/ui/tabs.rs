//! Go's text/tabwriter as docker sets it: cells end at tabs, columns are at least 10 wide and padded by 3 blanks, and a
//! column ends where a line has no cell for it.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::sanitize;

const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// The text with its tabs turned into columns.
pub(super) fn align(text: &str) -> String {
    let mut aligned = String::with_capacity(text.len() * 2);
    // The cells of all lines, one after the other. The last of a line belongs to no column.
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let mut lines: Vec<Range<usize>> = Vec::new();
    for line in text.split('\n') {
        let first = cells.len();
        cells.extend(line.split('\t').map(Cell::new));
        lines.push(first..cells.len() - 1);
    }
    let columns = lines.iter().map(Range::len).max().unwrap_or(0);
    for column in 0..columns {
        for block in lines.chunk_by(|one, next| one.len().min(next.len()) > column) {
            let of_column = || {
                block
                    .iter()
                    .filter(|line| line.len() > column)
                    .map(|line| line.start + column)
            };
            let widest = of_column().map(|cell| cells[cell].width + PADDING).max().unwrap_or(0);
            for cell in of_column() {
                cells[cell].room = widest.max(MIN_WIDTH);
            }
        }
    }
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            aligned.push('\n');
        }
        for cell in &cells[line.clone()] {
            aligned.push_str(cell.text);
            aligned.extend(std::iter::repeat_n(' ', cell.room - cell.width));
        }
        aligned.push_str(cells[line.end].text);
    }
    aligned
}

struct Cell<'a> {
    text: &'a str,
    width: usize,
    /// How wide its column is there.
    room: usize,
}

impl<'a> Cell<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            width: width(text),
            room: 0,
        }
    }
}

/// In columns of a terminal.
fn width(cell: &str) -> usize {
    if sanitize::is_plain(cell) {
        cell.len()
    } else {
        cell.width()
    }
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn a_column_ends_where_a_line_has_no_cell_for_it() {
        assert_eq!(
            align("a-long-first-cell\tx\nb\ty\nno cell\nc\tz\n"),
            "a-long-first-cell   x\nb                   y\nno cell\nc         z\n"
        );
    }

    #[test]
    fn the_last_cell_is_not_padded() {
        assert_eq!(align("a\t\t\n\tb\tc"), "a                   \n          b         c");
    }
}
