//! Images with their platforms below them, as docker's `images --tree` lays them out
//! (<https://github.com/docker/cli/blob/v28.2.2/cli/command/image/tree.go>), without its colours.

use unicode_width::UnicodeWidthStr;

use super::{one_line, terminal};

const WARNING: &str = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
/// `U` marks what containers use: nothing, here.
const LEGEND: &str = "Info ->  U In Use ";
const NAME: &str = "IMAGE";
const COLUMNS: [(&str, usize, Side); 4] = [
    ("ID", 12, Side::Left),
    ("DISK USAGE", 10, Side::Right),
    ("CONTENT SIZE", 12, Side::Right),
    ("EXTRA", 5, Side::Left),
];
const GAP: usize = 3;
/// Columns that leave less than this to the names are left out.
const LEAST_NAME: usize = 12;
/// The width where there is no terminal, and on the narrowest.
const USUAL: usize = 80;
const NARROWEST: usize = 20;

/// The side of its column at which a text stands.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// An image, or one of its platforms.
#[derive(Debug)]
pub struct Node {
    /// The names of an image, or the platform.
    pub names: Vec<String>,
    pub id: String,
    pub disk_usage: String,
    pub content_size: String,
    pub platforms: Vec<Node>,
}

/// All lines, as wide as the terminal allows.
pub fn image_tree(images: &[Node]) -> String {
    let width = if terminal::is_there() {
        terminal::size().columns.max(NARROWEST)
    } else {
        USUAL
    };
    lay_out(images, width)
}

fn lay_out(images: &[Node], width: usize) -> String {
    let widths = Widths::fitting(images, width);
    let mut text = format!("{WARNING}\n{LEGEND:>0$}\n\n", widths.total());
    text += &widths.line(NAME, &COLUMNS.map(|(header, ..)| header));
    for image in images {
        let untagged = "<untagged>".to_owned();
        let (last, first) = image.names.split_last().unwrap_or((&untagged, &[]));
        for name in first {
            text.extend([&*one_line(name), "\n"]);
        }
        text += &widths.line(last, &image.cells());
        for (place, platform) in image.platforms.iter().enumerate() {
            let branch = if place + 1 < image.platforms.len() {
                '├'
            } else {
                '└'
            };
            let name = platform.names.first().map(String::as_str).unwrap_or_default();
            text += &widths.line(&format!("{branch}─ {name}"), &platform.cells());
        }
        text.push('\n');
    }
    text
}

impl Node {
    fn cells(&self) -> [&str; 4] {
        [&self.id, &self.disk_usage, &self.content_size, ""]
    }
}

/// How wide the names are, and how many of the columns there is room for.
struct Widths {
    name: usize,
    columns: usize,
}

impl Widths {
    fn fitting(images: &[Node], width: usize) -> Self {
        let mut fitting = Self {
            name: width,
            columns: 0,
        };
        for (_, column, _) in COLUMNS {
            let left = fitting.name.saturating_sub(column + GAP);
            if left < LEAST_NAME {
                break;
            }
            fitting.name = left;
            fitting.columns += 1;
        }
        let names = images.iter().flat_map(|image| &image.names).map(|name| name.width());
        let platforms = images
            .iter()
            .flat_map(|image| &image.platforms)
            .flat_map(|it| &it.names);
        // Docker counts the bytes of the branch.
        let platforms = platforms.map(|name| name.width() + "└─ ".len());
        let widest = names.chain(platforms).chain([NAME.len()]).max().unwrap_or_default();
        fitting.name = fitting.name.min(widest);
        fitting
    }

    fn total(&self) -> usize {
        let columns = COLUMNS.iter().take(self.columns).map(|(_, column, _)| column + GAP);
        self.name + columns.sum::<usize>()
    }

    fn line(&self, name: &str, cells: &[&str; 4]) -> String {
        let mut line = placed(name, self.name, Side::Left);
        for (cell, (_, width, side)) in cells.iter().zip(COLUMNS).take(self.columns) {
            line += &" ".repeat(GAP);
            line += &placed(cell, width, side);
        }
        line + "\n"
    }
}

/// The text in so many columns; what is too much gives way to dots.
fn placed(text: &str, width: usize, side: Side) -> String {
    let text = one_line(text);
    let Some(blanks) = width.checked_sub(text.width()) else {
        let kept: String = text.chars().take(width.saturating_sub(3)).collect();
        return kept + "...";
    };
    let blanks = " ".repeat(blanks);
    match side {
        Side::Left => text.into_owned() + &blanks,
        Side::Right => blanks + &text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(names: &[&str], id: char, sizes: [&str; 2], platforms: Vec<Node>) -> Node {
        Node {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            id: id.to_string().repeat(12),
            disk_usage: sizes[0].to_owned(),
            content_size: sizes[1].to_owned(),
            platforms,
        }
    }

    fn images() -> Vec<Node> {
        let platform = |name, id, sizes| node(&[name], id, sizes, Vec::new());
        vec![
            node(
                &["127.0.0.1:5000/team/alpine:latest", "alpine:3"],
                'a',
                ["12.3MB", "346kB"],
                vec![
                    platform("linux/amd64", 'b', ["2.35MB", "346kB"]),
                    platform("linux/arm64/v8", 'c', ["0B", "0B"]),
                ],
            ),
            node(&[], 'e', ["345B", "346kB"], vec![]),
        ]
    }

    #[test]
    fn the_lines_are_those_that_docker_printed() {
        let expected = "\
WARNING: This is an experimental feature. The output may change and shouldn't be depended on.
                                                              Info ->  U In Use 

IMAGE                           ID             DISK USAGE   CONTENT SIZE   EXTRA
127.0.0.1:5000/team/alpine:latest
alpine:3                        aaaaaaaaaaaa       12.3MB          346kB        
├─ linux/amd64                  bbbbbbbbbbbb       2.35MB          346kB        
└─ linux/arm64/v8               cccccccccccc           0B             0B        

<untagged>                      eeeeeeeeeeee         345B          346kB        

";
        assert_eq!(lay_out(&images(), 80), expected);
    }

    #[test]
    fn a_narrow_terminal_has_fewer_columns() {
        for (width, header) in [
            (60, "IMAGE               ID             DISK USAGE   CONTENT SIZE\n"),
            (30, "IMAGE             ID          \n"),
            (20, "IMAGE               \n"),
        ] {
            assert!(lay_out(&images(), width).contains(&format!("\n\n{header}")), "{width}");
        }
        assert!(lay_out(&images(), 20).contains("\n└─ linux/arm64/v8   \n"));
        assert!(lay_out(&[node(&[&"x".repeat(99)], 'f', ["0B"; 2], vec![])], 20).contains(&("x".repeat(17) + "...\n")));
    }
}
