//! Tables as docker's CLI lays them out: Go's text/tabwriter with minimum width 10, padding 3 and blanks.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{sanitize, tabs};

/// A header and rows. The header is shown even when there are no rows.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: AsRef<str>>(header: &[S]) -> Self {
        let header = header.iter().map(|cell| cell.as_ref().to_owned()).collect();
        Self { rows: vec![header] }
    }

    /// Adds a row; what its cells hold may come from a server.
    pub fn row(&mut self, cells: Vec<String>) {
        let clean = cells
            .into_iter()
            .map(|cell| sanitize::one_line(&cell).into_owned())
            .collect();
        self.rows.push(clean);
    }
}

/// All lines, each with its line end.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: String = self.rows.iter().map(|cells| cells.join("\t") + "\n").collect();
        f.write_str(&tabs::align(&lines))
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

    fn cells(row: &[&str]) -> Vec<String> {
        row.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn the_header_stands_alone_when_there_are_no_rows() {
        assert_eq!(
            Table::new(&IMAGES).to_string(),
            "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
        );
    }

    #[test]
    fn columns_are_as_wide_as_docker_s() {
        let mut table = Table::new(&IMAGES);
        table.row(cells(&[
            "127.0.0.1:5112/push/big",
            "v1",
            "93c84c5345a7",
            "6 years ago",
            "21.5MB",
        ]));
        table.row(cells(&[
            "127.0.0.1:5105/team/big",
            "latest",
            "93c84c5345a7",
            "6 years ago",
            "21.5MB",
        ]));
        assert_eq!(
            table.to_string(),
            "REPOSITORY                TAG       IMAGE ID       CREATED       SIZE\n\
             127.0.0.1:5112/push/big   v1        93c84c5345a7   6 years ago   21.5MB\n\
             127.0.0.1:5105/team/big   latest    93c84c5345a7   6 years ago   21.5MB\n"
        );
    }

    #[test]
    fn an_empty_last_cell_leaves_trailing_blanks() {
        let mut table = Table::new(&["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]);
        table.row(cells(&["nginx", "Official build of Nginx.", "20512", "[OK]"]));
        let long = ellipsis("Automated Nginx reverse proxy for docker containers", 45);
        table.row(cells(&["jwilder/nginx-proxy", &long, "1567", ""]));
        assert_eq!(
            table.to_string(),
            "NAME                  DESCRIPTION                                     STARS     OFFICIAL\n\
             nginx                 Official build of Nginx.                        20512     [OK]\n\
             jwilder/nginx-proxy   Automated Nginx reverse proxy for docker con…   1567      \n"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(&["NAME", "DESCRIPTION", "STARS"]);
        table.row(cells(&["a", "nginx 官方镜像", "1"]));
        table.row(cells(&["b", "nginx official", "2"]));
        assert_eq!(
            table.to_string(),
            "NAME      DESCRIPTION      STARS\n\
             a         nginx 官方镜像   1\n\
             b         nginx official   2\n"
        );
    }

    #[test]
    fn a_cell_cannot_break_its_row() {
        let mut table = Table::new(&["NAME", "TAG"]);
        table.row(cells(&["x\n\u{1b}[2J", "y"]));
        assert_eq!(table.to_string(), "NAME      TAG\nx \u{fffd}[2J    y\n");
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
