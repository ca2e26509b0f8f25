//! `rdock tags`: the tags of a repository, in the order of their versions, and what they stand for.

mod details;

use std::cmp::Ordering;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Context, ListingArgs, RegistryArgs, Status};
use crate::error::Result;
use crate::image::{Reference, glob, version_order};
use crate::registry::Listed;
use crate::ui::{Table, human};

use details::Details;

/// List the tags of a repository on its registry
#[derive(Debug, Args)]
pub struct TagsArgs {
    #[command(flatten)]
    listing: ListingArgs,
    /// Show digest, size, age and platforms too
    #[arg(short, long)]
    long: bool,
    /// Show only tags that match the pattern
    #[arg(short, long, value_name = "glob")]
    filter: Vec<String>,
    /// Show only so many tags, the last ones in order
    #[arg(long, value_name = "int")]
    limit: Option<usize>,
    /// The order, the highest, newest or largest last: version, date or size
    #[arg(
        long,
        value_name = "order",
        default_value = "version",
        hide_default_value = true,
        hide_possible_values = true
    )]
    sort: Order,
    /// Reverse the order
    #[arg(short, long)]
    reverse: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    Version,
    Date,
    Size,
}

/// A tag, and what it stands for where that was asked.
struct Row {
    tag: String,
    details: Option<Details>,
}

pub async fn run(args: TagsArgs, context: &Context) -> Result<Status> {
    let name = Reference::parse(&args.name)?.without_version();
    // Patterns that cannot be read are refused before anything is asked.
    args.filter
        .iter()
        .try_for_each(|pattern| glob::matches(pattern, "").map(drop))?;
    let repository = context.registry(name.domain(), &args.registry)?.repository(&name);
    let Listed { entries: mut tags, cut } = repository.list_tags().await?;
    tags.retain(|tag| is_wanted(tag, &args.filter));
    tags.sort_by(|a, b| version_order::compare(a, b));
    tags.dedup();
    if args.sort == Order::Version {
        // Before anything is asked of the registry about the others.
        keep_last(&mut tags, args.limit);
    }
    let needs_details = args.sort != Order::Version || (args.long && !args.listing.is_quiet());
    let mut rows: Vec<Row> = if needs_details {
        let found = details::of_tags(&repository, &name, &tags).await?;
        for fault in found.iter().filter_map(|details| details.fault.as_ref()) {
            context.screen.note(&format!("WARNING: {fault}"));
        }
        tags.into_iter()
            .zip(found)
            .map(|(tag, details)| Row {
                tag,
                details: Some(details),
            })
            .collect()
    } else {
        tags.into_iter().map(|tag| Row { tag, details: None }).collect()
    };
    // Stable: what is equally old or large stays in the order of versions.
    rows.sort_by(|a, b| args.sort.compare(a, b));
    keep_last(&mut rows, args.limit);
    if args.reverse {
        rows.reverse();
    }
    show(&args, context, &name, rows);
    Ok(context.conclude(&cut))
}

fn is_wanted(tag: &str, patterns: &[String]) -> bool {
    let fits = |pattern: &String| glob::matches(pattern, tag).unwrap_or(false);
    patterns.is_empty() || patterns.iter().any(fits)
}

fn keep_last<T>(list: &mut Vec<T>, limit: Option<usize>) {
    if let Some(limit) = limit {
        list.drain(..list.len().saturating_sub(limit));
    }
}

impl Order {
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let created = |row: &Row| row.details.as_ref().and_then(|it| it.created);
        let size = |row: &Row| row.details.as_ref().and_then(|it| it.size);
        match self {
            Self::Version => Ordering::Equal,
            Self::Date => created(a).cmp(&created(b)),
            Self::Size => size(a).cmp(&size(b)),
        }
    }
}

fn show(args: &TagsArgs, context: &Context, name: &Reference, rows: Vec<Row>) {
    if !args.long || args.listing.is_quiet() {
        let tags: Vec<String> = rows.into_iter().map(|row| row.tag).collect();
        let json = json!({ "name": name.familiar_name(), "tags": tags });
        return args.listing.show(context, "TAG", tags, &json);
    }
    if args.listing.is_json() {
        let tags: Vec<Value> = rows.iter().map(Row::json).collect();
        let json = json!({ "name": name.familiar_name(), "tags": tags });
        return context.screen.line(&json.to_string());
    }
    let now = Timestamp::now();
    let mut table = Table::new(&["TAG", "DIGEST", "CREATED", "SIZE", "PLATFORMS"]);
    for row in rows {
        table.row(&row.cells(args.no_trunc, now));
    }
    context.screen.print(&table.aligned());
}

impl Row {
    fn cells(self, is_whole: bool, now: Timestamp) -> Vec<String> {
        let details = self.details.unwrap_or_default();
        let digest = details
            .digest
            .as_ref()
            .map(|digest| if is_whole { digest.as_str() } else { digest.short() });
        vec![
            self.tag,
            digest.unwrap_or("N/A").to_owned(),
            human::age(details.created, now),
            details.size.map_or_else(|| "N/A".to_owned(), human::size),
            details.kinds(),
        ]
    }

    fn json(&self) -> Value {
        let details = self.details.clone().unwrap_or_default();
        json!({
            "tag": self.tag,
            "digest": details.digest,
            "mediaType": details.media_type,
            "artifactType": details.artifact_type,
            "size": details.size,
            "created": details.created.map(|time| time.to_string()),
            "platforms": details.platforms,
            "attestations": details.attestations,
            "error": details.fault,
        })
    }
}
