//! Go's text/tabwriter as docker sets it: cells end at tabs, columns are at least 10 wide and padded by 3 blanks, and a
//! column ends where a line has no cell for it.

use unicode_width::UnicodeWidthStr;

use super::sanitize;

const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// The text with its tabs turned into columns.
pub(super) fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|line| vec![0; line.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut begin = 0;
        while begin < lines.len() {
            let block = widths[begin..].iter().take_while(|cells| cells.len() > column).count();
            let cells = lines[begin..begin + block]
                .iter()
                .map(|line| width(line[column]) + PADDING);
            let widest = cells.max().unwrap_or(0).max(MIN_WIDTH);
            for cells in &mut widths[begin..begin + block] {
                cells[column] = widest;
            }
            begin += block.max(1);
        }
    }
    let mut aligned = String::with_capacity(text.len() * 2);
    for (place, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        if place > 0 {
            aligned.push('\n');
        }
        for (cell, wanted) in line.iter().zip(widths) {
            aligned.push_str(cell);
            aligned.extend(std::iter::repeat_n(' ', wanted - width(cell)));
        }
        aligned.push_str(line[line.len() - 1]);
    }
    aligned
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
