use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;

/// Graphs by number: each node with the numbers of its children, which are all larger or all smaller.
type Graph = BTreeMap<usize, Vec<usize>>;

fn descriptor(number: usize) -> Descriptor {
    let digest = Digest::parse(&format!("sha256:{number:064x}")).unwrap();
    Descriptor::new(OCI_INDEX, digest, number as u64)
}

fn number(node: &Node) -> usize {
    usize::from_str_radix(node.digest.hex().trim_start_matches('0'), 16).unwrap_or_default()
}

/// Walks the whole graph with up to so many nodes unanswered at once, which are answered in any order.
fn walk(
    graph: &Graph,
    root: usize,
    limits: Limits,
    at_once: usize,
    dice: &mut fastrand::Rng,
) -> Result<Vec<Vec<usize>>> {
    let mut walk = Walk::new([&descriptor(root)], limits)?;
    let mut asked = Vec::new();
    let mut visited = HashSet::new();
    loop {
        while asked.len() < at_once
            && let Some(node) = walk.next_unread()
        {
            assert!(visited.insert(number(&node)), "{} is visited twice", number(&node));
            asked.push(node);
        }
        if asked.is_empty() {
            break;
        }
        let node = asked.swap_remove(dice.usize(..asked.len()));
        let children: Vec<Descriptor> = graph[&number(&node)].iter().copied().map(descriptor).collect();
        walk.answer(&node, &children)?;
    }
    let levels = walk.into_levels()?;
    Ok(levels.iter().map(|level| level.iter().map(number).collect()).collect())
}

fn reachable(graph: &Graph, root: usize) -> HashSet<usize> {
    let (mut seen, mut ahead) = (HashSet::from([root]), vec![root]);
    while let Some(node) = ahead.pop() {
        ahead.extend(graph[&node].iter().filter(|child| seen.insert(**child)));
    }
    seen
}

#[test]
fn each_manifest_comes_once_and_after_its_children() {
    let mut dice = fastrand::Rng::with_seed(20);
    for round in 0..500 {
        let nodes = dice.usize(1..60);
        let graph: Graph = (0..nodes)
            .map(|node| {
                let links = if node + 1 < nodes { dice.usize(..6) } else { 0 };
                (node, (0..links).map(|_| dice.usize(node + 1..nodes)).collect())
            })
            .collect();
        let at_once = dice.usize(1..10);
        let levels = walk(&graph, 0, Limits::NONE, at_once, &mut dice).unwrap();
        let order: Vec<usize> = levels.concat();
        let places: HashMap<usize, usize> = order.iter().enumerate().map(|(place, node)| (*node, place)).collect();
        assert_eq!(places.len(), order.len(), "round {round}");
        assert_eq!(places.keys().copied().collect::<HashSet<_>>(), reachable(&graph, 0));
        for (node, place) in &places {
            assert!(graph[node].iter().all(|child| places[child] < *place), "round {round}");
        }
        for level in &levels {
            let alone = |node: &usize| graph[node].iter().all(|child| !level.contains(child));
            assert!(level.iter().all(alone), "round {round}: an edge within a level");
        }
        assert_eq!(levels.last().unwrap(), &[0]);
    }
}

#[test]
fn a_shared_child_comes_before_every_index_that_lists_it() {
    let dice = &mut fastrand::Rng::with_seed(1);
    for children in [vec![1, 2], vec![2, 1]] {
        let graph = Graph::from([(0, children), (1, vec![2]), (2, vec![])]);
        assert_eq!(
            walk(&graph, 0, Limits::IMAGE, 1, dice).unwrap(),
            [vec![2], vec![1], vec![0]]
        );
    }
}

#[test]
fn equal_children_on_many_levels_are_one_child_each() {
    let mut graph: Graph = (0..6).map(|level| (level, vec![level + 1; 300])).collect();
    graph.insert(6, Vec::new());
    let dice = &mut fastrand::Rng::with_seed(1);
    let levels = walk(&graph, 0, Limits::IMAGE, 8, dice).unwrap();
    assert_eq!(levels.concat(), [6, 5, 4, 3, 2, 1, 0]);
}

#[test]
fn a_deep_chain_is_walked_or_refused() {
    let deep = 100_000;
    let mut graph: Graph = (0..deep).map(|node| (node, vec![node + 1])).collect();
    graph.insert(deep, Vec::new());
    let dice = &mut fastrand::Rng::with_seed(1);
    let levels = walk(&graph, 0, Limits::NONE, 8, dice).unwrap();
    assert_eq!(levels.concat(), (0..=deep).rev().collect::<Vec<_>>());
    let refused = walk(&graph, 0, Limits::IMAGE, 8, dice).unwrap_err();
    assert_eq!(refused.kind(), Kind::Corrupt);
    assert!(refused.to_string().contains("nested too deeply"), "{refused}");
}

#[test]
fn a_long_way_counts_beside_a_short_one() {
    // Each node is next to the first, and still below all of the others before it.
    let nodes = Limits::IMAGE.depth + 1;
    let mut graph: Graph = (1..nodes).map(|node| (node, vec![node + 1])).collect();
    graph.insert(nodes, Vec::new());
    graph.insert(0, (1..=nodes).collect());
    let dice = &mut fastrand::Rng::with_seed(1);
    let refused = walk(&graph, 0, Limits::IMAGE, 1, dice).unwrap_err();
    assert!(refused.to_string().contains("nested too deeply"), "{refused}");
}

#[test]
fn a_wide_index_and_a_dense_graph_are_refused() {
    let limits = Limits { nodes: 100, depth: 200 };
    let dice = &mut fastrand::Rng::with_seed(1);
    let wide = |children: usize| {
        let mut graph: Graph = (1..=children).map(|node| (node, Vec::new())).collect();
        graph.insert(0, (1..=children).collect());
        graph
    };
    assert!(walk(&wide(99), 0, limits, 8, dice).is_ok());
    let dense: Graph = (0..100).map(|node| (node, (node + 1..100).collect())).collect();
    for graph in [wide(100), dense] {
        let refused = walk(&graph, 0, limits, 8, dice).unwrap_err();
        assert_eq!(refused.kind(), Kind::Corrupt);
        assert!(refused.to_string().contains("too many children"), "{refused}");
    }
}

#[test]
fn manifests_that_lead_to_themselves_are_refused() {
    let graph = Graph::from([(0, vec![1]), (1, vec![0])]);
    let dice = &mut fastrand::Rng::with_seed(1);
    let refused = walk(&graph, 0, Limits::NONE, 1, dice).unwrap_err();
    assert_eq!(refused.kind(), Kind::Corrupt);
}

#[test]
fn what_is_skipped_is_in_no_level() {
    let mut walk = Walk::new([&descriptor(0)], Limits::IMAGE).unwrap();
    let root = walk.next_unread().unwrap();
    walk.answer(&root, &[descriptor(1), descriptor(2)]).unwrap();
    let first = walk.next_unread().unwrap();
    walk.skip(&first);
    let levels = walk.into_levels().unwrap();
    assert_eq!(levels.concat().iter().map(number).collect::<Vec<_>>(), [2, 0]);
}

#[test]
fn a_build_cache_lists_layers_without_manifests() {
    let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let child = |media_type: &str, number: usize| serde_json::json!({"mediaType": media_type, "size": 1, "digest": format!("sha256:{number:064x}")});
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [child(layer, 1), child(OCI_MANIFEST, 2), child(DOCKER_LIST, 3)]});
    let index = Manifest::parse(index.to_string().into(), None, None).unwrap();
    let last = |it: &Descriptor| it.digest.hex()[63..].to_owned();
    assert_eq!(children(&index).map(last).collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!(blobs(&index).map(last).collect::<Vec<_>>(), ["1"]);
}
