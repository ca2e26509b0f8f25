//! Tables as docker's CLI lays them out: Go's text/tabwriter with minimum width 10, padding 3 and blanks.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{sanitize, tabs};

/// A header and rows. The header is shown even when there are no rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Lines of cells with tabs between.
    lines: String,
}

impl Table {
    pub fn new<S: AsRef<str>>(header: &[S]) -> Self {
        let mut table = Self::default();
        table.row(header);
        table
    }

    /// Adds a row; what its cells hold may come from a server.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.lines.push('\t');
            }
            self.lines.push_str(&sanitize::one_line(cell.as_ref()));
        }
        self.lines.push('\n');
    }

    /// All lines, each with its line end.
    pub fn aligned(&self) -> String {
        tabs::align(&self.lines)
    }
}

/// The text on one line and at most `width` columns wide: what is too much gives way to `…`.
pub fn ellipsis(text: &str, width: usize) -> String {
    let line = sanitize::one_line(text);
    if line.width() <= width {
        return line.into_owned();
    }
    let mut columns = 0;
    let fitting = line.chars().take_while(|c| {
        columns += c.width().unwrap_or(0);
        columns < width
    });
    fitting.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: [&str; 5] = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];

    #[test]
    fn the_header_stands_alone_when_there_are_no_rows() {
        assert_eq!(
            Table::new(&IMAGES).aligned(),
            "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
        );
    }

    #[test]
    fn columns_are_as_wide_as_docker_s() {
        let mut table = Table::new(&IMAGES);
        table.row(&["127.0.0.1:5112/push/big", "v1", "93c84c5345a7", "6 years ago", "21.5MB"]);
        table.row(&[
            "127.0.0.1:5105/team/big",
            "latest",
            "93c84c5345a7",
            "6 years ago",
            "21.5MB",
        ]);
        assert_eq!(
            table.aligned(),
            "REPOSITORY                TAG       IMAGE ID       CREATED       SIZE\n\
             127.0.0.1:5112/push/big   v1        93c84c5345a7   6 years ago   21.5MB\n\
             127.0.0.1:5105/team/big   latest    93c84c5345a7   6 years ago   21.5MB\n"
        );
    }

    #[test]
    fn an_empty_last_cell_leaves_trailing_blanks() {
        let mut table = Table::new(&["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]);
        table.row(&["nginx", "Official build of Nginx.", "20512", "[OK]"]);
        let long = ellipsis("Automated Nginx reverse proxy for docker containers", 45);
        table.row(&["jwilder/nginx-proxy", &long, "1567", ""]);
        assert_eq!(
            table.aligned(),
            "NAME                  DESCRIPTION                                     STARS     OFFICIAL\n\
             nginx                 Official build of Nginx.                        20512     [OK]\n\
             jwilder/nginx-proxy   Automated Nginx reverse proxy for docker con…   1567      \n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(&["NAME", "DESCRIPTION", "STARS"]);
        table.row(&["a", "nginx 官方镜像", "1"]);
        table.row(&["b", "nginx official", "2"]);
        assert_eq!(
            table.aligned(),
            "NAME      DESCRIPTION      STARS\n\
             a         nginx 官方镜像   1\n\
             b         nginx official   2\n"
        );
    }

    #[test]
    fn a_cell_cannot_break_its_row() {
        let mut table = Table::new(&["NAME", "TAG"]);
        table.row(&["x\n\u{1b}[2J", "y"]);
        assert_eq!(table.aligned(), "NAME      TAG\nx \u{fffd}[2J    y\n");
    }

    #[test]
    fn ellipsis_cuts_at_the_column() {
        let exactly = "x".repeat(45);
        assert_eq!(ellipsis(&exactly, 45), exactly);
        assert_eq!(ellipsis(&"x".repeat(46), 45), format!("{}…", "x".repeat(44)));
        assert_eq!(ellipsis("one\ntwo\r", 45), "one two ");
        assert_eq!(ellipsis(&"官".repeat(23), 45), format!("{}…", "官".repeat(22)));
        assert_eq!(
            ellipsis(&format!("x{}", "官".repeat(23)), 45),
            format!("x{}…", "官".repeat(21))
        );
    }
}
