//! `rdock search`: on the Hub as docker does, and on any private registry as docker cannot.

mod filter;

use clap::Args;

use super::filter::Condition;
use super::{Context, RegistryArgs, Status};
use crate::error::{Error, Kind, Result};
use crate::image::reference::HUB;
use crate::registry::{Hit, Listed};
use crate::ui::template::Row;
use crate::ui::{Columns, Format, ellipsis, one_line};

use filter::Filter;

/// Search a registry for images: Docker Hub, or HOST[:PORT]/TERM
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Only results that match: stars=N, is-official=BOOL, is-automated=BOOL
    #[arg(short, long, value_name = "filter")]
    filter: Vec<Condition>,
    /// Print with a custom template: 'table', 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Max number of search results (default 25)
    #[arg(
        long,
        value_name = "int",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    limit: i64,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "TERM")]
    term: String,
}

const COLUMNS: Columns = Columns {
    go_type: "*registry.searchContext",
    headers: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("StarCount", "STARS"),
        ("IsOfficial", "OFFICIAL"),
        ("IsAutomated", "AUTOMATED"),
    ],
};
const TABLE: &str = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}\t{{.IsAutomated}}";

const DEFAULT_LIMIT: u32 = 25;
const MAX_LIMIT: u32 = 100;
const DESCRIPTION_WIDTH: usize = 45;

pub async fn run(args: SearchArgs, context: &Context) -> Result<Status> {
    let (domain, term) = split(&args.term)?;
    let limit = limit(args.limit)?;
    let filter = Filter::new(&args.filter)?;
    let format = Format::parse(args.format.as_deref().unwrap_or_default(), TABLE)?;
    if let Some(warning) = filter.warning() {
        context.screen.note(warning);
    }
    let registry = context.registry(domain, &args.registry)?;
    let (hits, cut) = if let Some(hits) = registry.search(term, limit).await? {
        (hits, None)
    } else {
        // A v2 registry has no search of its own: look through its catalog.
        let Listed { entries, cut } = registry.catalog().await?;
        (local_match(&entries, domain, term, limit), cut)
    };
    let rows = hits.iter().filter(|hit| filter.fits(hit)).map(|hit| {
        let description = one_line(&hit.description).into_owned();
        let ok = |is: bool| if is { "[OK]" } else { "" }.to_owned();
        let description = if args.no_trunc {
            description
        } else {
            ellipsis(&description, DESCRIPTION_WIDTH)
        };
        Row::new([
            ("Name", hit.name.clone()),
            ("Description", description),
            ("StarCount", hit.star_count.to_string()),
            ("IsOfficial", ok(hit.is_official)),
            ("IsAutomated", ok(hit.is_automated)),
        ])
        .with_json("IsOfficial", &hit.is_official.to_string())
        // Docker's client has dropped it.
        .without_json("IsAutomated")
    });
    context.screen.print(&format.render(COLUMNS, rows)?);
    Ok(context.conclude(&cut))
}

/// The registry to ask and the words to ask for. On the Hub, its own names and `library/` are dropped as docker does.
fn split(text: &str) -> Result<(&str, &str)> {
    if text.contains("://") {
        return Err(Error::new(
            Kind::Usage,
            "Invalid repository name (ex: \"registry.domain.tld/myrepos\")",
        ));
    }
    let (domain, term) = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (HUB, text),
    };
    if matches!(domain, HUB | "index.docker.io") {
        return Ok((HUB, term.strip_prefix("library/").unwrap_or(term)));
    }
    Ok((domain, term))
}

/// Docker's rule: nothing, zero and less mean 25; more than 100 is refused.
fn limit(asked: i64) -> Result<u32> {
    match u32::try_from(asked) {
        Err(_) if asked < 0 => Ok(DEFAULT_LIMIT),
        Ok(0) => Ok(DEFAULT_LIMIT),
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Error::new(
            Kind::Usage,
            format!("limit {asked} is outside the range of [1, {MAX_LIMIT}]"),
        )),
    }
}

/// The repositories whose name holds the term, those that begin with it first; named so that pull takes them.
fn local_match(repositories: &[String], domain: &str, term: &str, limit: u32) -> Vec<Hit> {
    let term = term.to_lowercase();
    let mut found: Vec<&String> = repositories.iter().filter(|name| name.contains(&term)).collect();
    found.sort_by_key(|name| (!name.starts_with(&term), name.as_str()));
    found.dedup();
    let named = |name: &String| Hit {
        name: format!("{domain}/{name}"),
        description: String::new(),
        star_count: 0,
        is_official: false,
        is_automated: false,
    };
    found.into_iter().take(limit as usize).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_names_its_registry() {
        assert_eq!(split("nginx").unwrap(), (HUB, "nginx"));
        assert_eq!(split("alice/nginx").unwrap(), (HUB, "alice/nginx"));
        assert_eq!(split("docker.io/library/nginx").unwrap(), (HUB, "nginx"));
        assert_eq!(split("library/nginx").unwrap(), (HUB, "nginx"));
        assert_eq!(split("localhost:5000/ngi").unwrap(), ("localhost:5000", "ngi"));
        assert_eq!(split("reg.example.com/a/b").unwrap(), ("reg.example.com", "a/b"));
        assert_eq!(split("reg.example.com/").unwrap(), ("reg.example.com", ""));
        assert!(split("http://x/y").is_err());
    }

    #[test]
    fn the_limit_is_docker_s() {
        assert_eq!(limit(0).unwrap(), 25);
        assert_eq!(limit(-3).unwrap(), 25);
        assert_eq!(limit(100).unwrap(), 100);
        assert_eq!(
            limit(101).unwrap_err().to_string(),
            "limit 101 is outside the range of [1, 100]"
        );
    }

    #[test]
    fn names_that_begin_with_the_term_come_first() {
        let all = ["my/nginx", "nginx", "redis", "nginx-extra"].map(String::from);
        let found: Vec<String> = local_match(&all, "h:1", "NGI", 10)
            .into_iter()
            .map(|hit| hit.name)
            .collect();
        assert_eq!(found, ["h:1/nginx", "h:1/nginx-extra", "h:1/my/nginx"]);
        assert_eq!(local_match(&all, "h:1", "", 2).len(), 2);
    }
}
