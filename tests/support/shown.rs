//! What a terminal shows after a program wrote to it: enough of one to follow bars that redraw themselves.

/// The lines on the screen and those scrolled off its top, without trailing blanks.
pub(crate) struct Shown {
    lines: Vec<Vec<char>>,
    /// The line at the top of the screen.
    top: usize,
    row: usize,
    column: usize,
    columns: usize,
    rows: usize,
}

impl Shown {
    /// Shows `output` on an empty terminal of this size.
    pub(crate) fn of(output: &[u8], columns: u16, rows: u16) -> Self {
        let mut shown = Self {
            lines: vec![Vec::new()],
            top: 0,
            row: 0,
            column: 0,
            columns: columns.into(),
            rows: rows.into(),
        };
        let text = String::from_utf8_lossy(output).into_owned();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\n' => shown.line_feed(),
                '\r' => shown.column = 0,
                '\u{1b}' => shown.escape(&mut letters),
                letter => shown.put(letter),
            }
        }
        shown
    }

    /// All lines from the first one written.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned();
        let mut lines: Vec<String> = self.lines.iter().map(text).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    fn line_feed(&mut self) {
        self.row += 1;
        if self.row == self.lines.len() {
            self.lines.push(Vec::new());
        }
        self.top = self.top.max((self.row + 1).saturating_sub(self.rows));
    }

    fn put(&mut self, letter: char) {
        if self.column == self.columns {
            self.column = 0;
            self.line_feed();
        }
        let line = &mut self.lines[self.row];
        while line.len() <= self.column {
            line.push(' ');
        }
        line[self.column] = letter;
        self.column += 1;
    }

    fn escape(&mut self, letters: &mut std::str::Chars<'_>) {
        assert_eq!(letters.next(), Some('['), "an escape sequence this terminal knows");
        let mut number = String::new();
        let verb = letters.find(|letter| {
            if letter.is_ascii_digit() {
                number.push(*letter);
            }
            letter.is_ascii_alphabetic()
        });
        let count = number.parse().unwrap_or(1);
        match verb {
            Some('A') => self.row = self.row.saturating_sub(count).max(self.top),
            Some('B') => self.row = (self.row + count).min(self.lines.len() - 1),
            Some('C') => self.column = (self.column + count).min(self.columns - 1),
            Some('D') => self.column = self.column.saturating_sub(count),
            Some('K') => self.lines[self.row].clear(),
            verb => panic!("the escape sequence {number}{verb:?} is none of those that bars need"),
        }
    }
}
