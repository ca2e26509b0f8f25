//! Go's text/tabwriter as docker sets it: cells end at tabs, columns are at least 10 wide and padded by 3 blanks, and a
//! column ends where a line has no cell for it.

use unicode_width::UnicodeWidthStr;

use super::sanitize;

const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// The text with its tabs turned into columns.
pub(super) fn align(text: &str) -> String {
    let columns = columns(text);
    let widths = columns.iter().flatten().map(|block| block.width);
    let blanks = " ".repeat(widths.max().unwrap_or(0));
    let mut blocks: Vec<_> = columns.iter().map(|blocks| blocks.iter().peekable()).collect();
    let mut aligned = String::with_capacity(text.len() * 2);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            aligned.push('\n');
        }
        let (cells, last) = cells(line);
        for (cell, blocks) in cells.zip(&mut blocks) {
            while blocks.next_if(|block| block.end <= number).is_some() {}
            let room = blocks.peek().map_or(0, |block| block.width);
            aligned.push_str(cell);
            aligned.push_str(&blanks[..room - width(cell)]);
        }
        aligned.push_str(last);
    }
    aligned
}

/// Lines that follow one another and have a cell in one column.
struct Block {
    width: usize,
    /// The number of the line after it.
    end: usize,
}

/// The blocks of each column.
fn columns(text: &str) -> Vec<Vec<Block>> {
    let mut columns: Vec<Vec<Block>> = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        for (place, cell) in cells(line).0.enumerate() {
            if place == columns.len() {
                columns.push(Vec::new());
            }
            let (width, end) = ((width(cell) + PADDING).max(MIN_WIDTH), number + 1);
            match columns[place].last_mut() {
                Some(block) if block.end == number => {
                    *block = Block {
                        width: width.max(block.width),
                        end,
                    }
                }
                _ => columns[place].push(Block { width, end }),
            }
        }
    }
    columns
}

/// The cells that end at a tab, and the last, which belongs to no column.
fn cells(line: &str) -> (impl Iterator<Item = &str>, &str) {
    let (ended, last) = line
        .rsplit_once('\t')
        .map_or((None, line), |(ended, last)| (Some(ended), last));
    (ended.into_iter().flat_map(|ended| ended.split('\t')), last)
}

/// The width in columns of a terminal.
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
