//! Docker's notes beside a login: a badge and slanted words on a terminal, plain words elsewhere.

use super::Screen;

/// Whether escape sequences may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Allowed,
    None,
}

/// Puts a note on standard error. Each line is words and an address, which is underlined; either may be empty.
pub fn tell(screen: &Screen, lines: &[(&str, &str)], colour: Colour) {
    let text = render(lines, colour);
    screen.above_bars(|output| output.err(&text));
}

/// The texts are rdock's own, so they are printed as they are.
fn render(lines: &[(&str, &str)], colour: Colour) -> String {
    let line = |(number, (words, address)): (usize, &(&str, &str))| match (colour, number) {
        (Colour::None, 0) => format!(" Info -> {words}{address}\n"),
        (Colour::None, _) => format!("         {words}{address}\n"),
        (Colour::Allowed, 0) => format!("{BADGE}{}", slanted(words, address)),
        (Colour::Allowed, _) => format!("         {}", slanted(words, address)),
    };
    lines.iter().enumerate().map(line).collect()
}

const BADGE: &str = "\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m";

fn slanted(words: &str, address: &str) -> String {
    match address {
        "" => format!("\x1b[3m{words}\x1b[0m\n"),
        address => format!("\x1b[3m{words}\x1b[4m{address}\x1b[0m\x1b[0m\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [(&str, &str); 2] = [("one", ""), ("two ", "https://x")];

    #[test]
    fn without_colour_only_words_are_left() {
        assert_eq!(render(&LINES, Colour::None), " Info -> one\n         two https://x\n");
    }

    #[test]
    fn a_terminal_gets_docker_s_badge() {
        let second = "         \x1b[3mtwo \x1b[4mhttps://x\x1b[0m\x1b[0m\n";
        assert_eq!(
            render(&LINES, Colour::Allowed),
            format!("{BADGE}\x1b[3mone\x1b[0m\n{second}")
        );
    }
}
