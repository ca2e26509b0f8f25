//! Whole event sequences against whole outputs of docker 28.2.2.

use super::*;
use crate::content::Outcome;
use crate::content::Outcome::{AlreadyPresent, Copied, Skipped};
use crate::error::{Error, Kind};
use crate::image::Digest;
use crate::progress::Layer;

fn digest(id: &str) -> Digest {
    Digest::parse(&format!("sha256:{id:0<64}")).unwrap()
}

fn missing(id: &str) -> Layer {
    Layer {
        digest: digest(id),
        size: 3_002_000,
        diff_id: None,
        present: false,
    }
}

fn present(id: &str) -> Layer {
    Layer {
        present: true,
        ..missing(id)
    }
}

/// A pushed layer: its blob's digest is not the one shown.
fn pushed(diff_id: &str) -> Layer {
    Layer {
        diff_id: Some(digest(diff_id)),
        ..missing(&diff_id.chars().rev().collect::<String>())
    }
}

struct Script {
    lines: Lines,
    text: String,
    now: Instant,
}

impl Script {
    fn new(direction: Direction) -> Self {
        let now = Instant::now();
        Self {
            lines: Lines::new(direction, now),
            text: String::new(),
            now,
        }
    }

    fn on(&mut self, event: &Event<'_>) -> &mut Self {
        self.text += &self.lines.of(event, self.now);
        self
    }

    fn planned(&mut self, layers: &[Layer]) -> &mut Self {
        self.on(&Event::Planned(layers))
    }

    fn waiting(&mut self, layer: &Layer) -> &mut Self {
        self.on(&Event::Waiting { blob: &layer.digest })
    }

    fn started(&mut self, layer: &Layer) -> &mut Self {
        self.on(&Event::Started {
            blob: &layer.digest,
            offset: 0,
        })
    }

    fn advanced(&mut self, layer: &Layer, bytes: u64) -> &mut Self {
        self.on(&Event::Advanced {
            blob: &layer.digest,
            bytes,
        })
    }

    fn verifying(&mut self, layer: &Layer) -> &mut Self {
        self.on(&Event::Verifying { blob: &layer.digest })
    }

    fn finished(&mut self, layer: &Layer, outcome: &Outcome) -> &mut Self {
        self.on(&Event::Finished {
            blob: &layer.digest,
            outcome,
        })
    }

    fn downloaded(&mut self, layer: &Layer) -> &mut Self {
        self.started(layer)
            .advanced(layer, layer.size)
            .verifying(layer)
            .finished(layer, &Copied)
    }

    fn printed(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

#[test]
fn a_pull_completes_from_base_to_top() {
    let ids = [
        "8e75da35f248",
        "a937a6ef5f9d",
        "466b5e300b02",
        "db7e115b9a0e",
        "3d7d094448b1",
        "6bfdce38182c",
    ];
    let [l8, la, l4, ld, l3, l6] = &ids.map(missing);
    let mut script = Script::new(Direction::Pull);
    script.planned(&ids.map(missing)).waiting(ld).waiting(l3).waiting(l6);
    for layer in [l8, ld, l3, l6, la, l4] {
        script.downloaded(layer);
    }
    // Transcript 12, step 1.
    assert_eq!(
        script.printed(),
        "8e75da35f248: Pulling fs layer\na937a6ef5f9d: Pulling fs layer\n466b5e300b02: Pulling fs layer\n\
         db7e115b9a0e: Pulling fs layer\n3d7d094448b1: Pulling fs layer\n6bfdce38182c: Pulling fs layer\n\
         db7e115b9a0e: Waiting\n3d7d094448b1: Waiting\n6bfdce38182c: Waiting\n\
         8e75da35f248: Verifying Checksum\n8e75da35f248: Download complete\n8e75da35f248: Pull complete\n\
         db7e115b9a0e: Verifying Checksum\ndb7e115b9a0e: Download complete\n\
         3d7d094448b1: Verifying Checksum\n3d7d094448b1: Download complete\n\
         6bfdce38182c: Verifying Checksum\n6bfdce38182c: Download complete\n\
         a937a6ef5f9d: Verifying Checksum\na937a6ef5f9d: Download complete\na937a6ef5f9d: Pull complete\n\
         466b5e300b02: Verifying Checksum\n466b5e300b02: Download complete\n466b5e300b02: Pull complete\n\
         db7e115b9a0e: Pull complete\n3d7d094448b1: Pull complete\n6bfdce38182c: Pull complete\n"
    );
}

#[test]
fn layers_that_are_there_exist_and_one_above_a_missing_one_needs_no_download() {
    let (base, middle, top) = (
        present("1871b16ebe8a"),
        missing("400d7c1688b7"),
        missing("212f97f7ad58"),
    );
    let mut script = Script::new(Direction::Pull);
    script
        .planned(&[base.clone(), middle.clone(), top.clone()])
        .finished(&base, &AlreadyPresent)
        .finished(&top, &AlreadyPresent)
        .downloaded(&middle);
    // Transcript 01, docker pull nginx:1.14.
    assert_eq!(
        script.printed(),
        "1871b16ebe8a: Already exists\n400d7c1688b7: Pulling fs layer\n212f97f7ad58: Pulling fs layer\n\
         212f97f7ad58: Download complete\n400d7c1688b7: Verifying Checksum\n400d7c1688b7: Download complete\n\
         400d7c1688b7: Pull complete\n212f97f7ad58: Pull complete\n"
    );
}

#[test]
fn a_push_lists_the_top_first_and_goes_by_content() {
    let layers = [
        "ba04cf1719ef",
        "aa411d0fcfea",
        "9b5b69a35656",
        "eebecb5efc7b",
        "e816f89a07a4",
        "71c5e487a018",
    ];
    let [lb, laa, l9, lee, le8, l7] = &layers.map(pushed);
    let mut script = Script::new(Direction::Push);
    script.planned(&layers.map(pushed)).waiting(lb);
    for layer in [le8, l7, lb, lee, laa, l9] {
        script
            .started(layer)
            .advanced(layer, 9)
            .verifying(layer)
            .finished(layer, &Copied);
    }
    // Transcript 12, docker push 127.0.0.1:5112/push/big:v1.
    assert_eq!(
        script.printed(),
        "71c5e487a018: Preparing\ne816f89a07a4: Preparing\neebecb5efc7b: Preparing\n9b5b69a35656: Preparing\n\
         aa411d0fcfea: Preparing\nba04cf1719ef: Preparing\nba04cf1719ef: Waiting\n\
         e816f89a07a4: Pushed\n71c5e487a018: Pushed\nba04cf1719ef: Pushed\neebecb5efc7b: Pushed\n\
         aa411d0fcfea: Pushed\n9b5b69a35656: Pushed\n"
    );
}

#[test]
fn a_push_tells_what_needed_no_bytes() {
    let [base, middle, top] = &["19509da889ee", "a824d0ab891b", "3abcfc3e75e5"].map(pushed);
    let mut script = Script::new(Direction::Push);
    script
        .planned(&[base.clone(), middle.clone(), top.clone()])
        .finished(base, &AlreadyPresent)
        .finished(
            middle,
            &Outcome::Mounted {
                from: "my/nginx".into(),
            },
        )
        .finished(top, &Skipped);
    assert_eq!(
        script.printed(),
        "3abcfc3e75e5: Preparing\na824d0ab891b: Preparing\n19509da889ee: Preparing\n\
         19509da889ee: Layer already exists\na824d0ab891b: Mounted from my/nginx\n\
         3abcfc3e75e5: Skipped foreign layer\n"
    );
}

#[test]
fn each_tag_of_a_push_has_a_block_of_its_own() {
    let layer = pushed("19509da889ee");
    let mut script = Script::new(Direction::Push);
    for _ in 0..2 {
        script
            .planned(std::slice::from_ref(&layer))
            .finished(&layer, &AlreadyPresent);
        assert_eq!(
            script.printed(),
            "19509da889ee: Preparing\n19509da889ee: Layer already exists\n"
        );
    }
}

#[test]
fn a_layer_listed_twice_is_printed_once() {
    let (base, empty) = (missing("1871b16ebe8a"), missing("a3ed95caeb02"));
    let mut script = Script::new(Direction::Pull);
    script
        .planned(&[base.clone(), empty.clone(), empty.clone()])
        .downloaded(&empty)
        .downloaded(&base)
        .finished(&empty, &AlreadyPresent);
    assert_eq!(
        script.printed(),
        "1871b16ebe8a: Pulling fs layer\na3ed95caeb02: Pulling fs layer\n\
         a3ed95caeb02: Verifying Checksum\na3ed95caeb02: Download complete\n\
         1871b16ebe8a: Verifying Checksum\n1871b16ebe8a: Download complete\n\
         1871b16ebe8a: Pull complete\na3ed95caeb02: Pull complete\n"
    );
}

#[test]
fn images_that_move_together_share_their_layers() {
    let (base, one, two) = (
        missing("1871b16ebe8a"),
        missing("111111111111"),
        missing("222222222222"),
    );
    let mut script = Script::new(Direction::Pull);
    script
        .planned(&[base.clone(), one.clone()])
        .planned(&[base.clone(), two.clone()]);
    for layer in [&two, &base, &one] {
        script.finished(layer, &Copied);
    }
    assert_eq!(
        script.printed(),
        "1871b16ebe8a: Pulling fs layer\n111111111111: Pulling fs layer\n222222222222: Pulling fs layer\n\
         222222222222: Download complete\n\
         1871b16ebe8a: Download complete\n1871b16ebe8a: Pull complete\n222222222222: Pull complete\n\
         111111111111: Download complete\n111111111111: Pull complete\n"
    );
}

#[test]
fn a_retry_is_one_line_and_rounds_up() {
    let layer = missing("1871b16ebe8a");
    let why = Error::new(Kind::Unavailable, "connection reset");
    let mut script = Script::new(Direction::Pull);
    script.planned(std::slice::from_ref(&layer)).started(&layer).printed();
    for (millis, line) in [
        (5000, "1871b16ebe8a: Retrying in 5 seconds\n"),
        (1001, "1871b16ebe8a: Retrying in 2 seconds\n"),
        (400, "1871b16ebe8a: Retrying in 1 second\n"),
    ] {
        let wait = Duration::from_millis(millis);
        let event = Event::Retrying {
            blob: &layer.digest,
            wait,
            why: &why,
        };
        assert_eq!(script.on(&event).started(&layer).printed(), line);
    }
}

#[test]
fn the_config_and_an_image_without_layers_print_nothing() {
    let config = missing("393711b47ce0");
    let mut script = Script::new(Direction::Pull);
    script
        .downloaded(&config)
        .planned(&[])
        .waiting(&config)
        .downloaded(&config);
    assert_eq!(script.printed(), "");
}

#[test]
fn half_a_minute_of_silence_is_broken() {
    let layer = missing("1871b16ebe8a");
    let mut script = Script::new(Direction::Pull);
    script
        .planned(std::slice::from_ref(&layer))
        .started(&layer)
        .advanced(&layer, 400_000);
    assert_eq!(script.printed(), "1871b16ebe8a: Pulling fs layer\n");
    script.now += Duration::from_secs(29);
    assert_eq!(script.advanced(&layer, 1760).printed(), "");
    script.now += Duration::from_secs(1);
    assert_eq!(
        script.advanced(&layer, 100_000).advanced(&layer, 0).printed(),
        "1871b16ebe8a: Downloading  501.8kB/3.002MB\n"
    );
}
