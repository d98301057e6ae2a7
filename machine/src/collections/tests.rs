use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

struct Node {
    id: usize,
    links: Links,
    second: Links,
    tree: TreeLinks,
}
impl Linked<0> for Node {
    fn links(&self) -> &Links {
        &self.links
    }
}
impl Linked<1> for Node {
    #[allow(clippy::misnamed_getters, reason = "the second list's links")]
    fn links(&self) -> &Links {
        &self.second
    }
}
impl TreeLinked for Node {
    fn tree_links(&self) -> &TreeLinks {
        &self.tree
    }
}
fn nodes(count: usize) -> Vec<Arc<Node>> {
    (0..count)
        .map(|id| Arc::new(Node { id, links: Links::new(), second: Links::new(), tree: TreeLinks::new() }))
        .collect()
}

#[test]
fn two_tags_two_lists() {
    let nodes = nodes(3);
    let (mut first, mut second) = (List::<Node, 0>::new(), List::<Node, 1>::new());
    for node in &nodes {
        assert!(first.push_back(node.clone()).is_ok());
        assert!(second.push_front(node.clone()).is_ok());
        assert!(first.push_back(node.clone()).is_err());
    }
    assert_eq!(first.iter().map(|node| node.id).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(second.iter().map(|node| node.id).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(first.remove(&nodes[1]).unwrap().id, 1);
    assert!(first.remove(&nodes[1]).is_none());
    let mut third = List::<Node, 0>::new();
    assert!(third.push_back(nodes[0].clone()).is_err());
    assert!(third.remove(&nodes[0]).is_none());
    first.drain_into(&mut third, |node| node.id == 2);
    assert_eq!((first.len(), third.front().unwrap().id), (1, 2));
    assert!(third.insert_before(nodes[1].clone(), |node| node.id > 1).is_ok());
    assert_eq!(third.iter().map(|node| node.id).collect::<Vec<_>>(), [1, 2]);
    drop((first, second, third));
    assert!(nodes.iter().all(|node| Arc::strong_count(node) == 1 && !node.links.is_linked()));
}

#[test]
fn trees_stay_shallow() {
    let nodes = nodes(4096);
    let orders: [fn(u64) -> u64; 3] = [|at| at, |at| u64::MAX - at, |at| at * 7919 % 4099];
    for order in orders {
        let mut tree = Tree::<Node>::new();
        for (at, node) in nodes.iter().enumerate() {
            assert!(tree.insert(order(at as u64), node.clone()).is_ok());
        }
        assert!((13..=16).contains(&tree.checked_depth()));
        for node in nodes.iter().take(3584) {
            assert!(tree.remove(node).is_some());
        }
        assert!(tree.checked_depth() <= 13);
        assert_eq!(tree.iter().count(), 512);
    }
}

/// A node that answers with links that are not its own, or alternately with different ones.
struct Liar(Arc<(Links, Links)>, std::cell::Cell<bool>);
impl Linked for Liar {
    fn links(&self) -> &Links {
        self.1.set(!self.1.get());
        if self.1.get() { &self.0.0 } else { &self.0.1 }
    }
}
#[allow(clippy::arc_with_non_send_sync, reason = "lists of nodes that stay on one thread are sound too")]
#[test]
fn lying_nodes_break_nothing() {
    let shared = Arc::new((Links::new(), Links::new()));
    let nodes: Vec<_> = (0..4).map(|_| Arc::new(Liar(shared.clone(), Default::default()))).collect();
    let mut list = List::<Liar>::new();
    let pushed = nodes.iter().filter(|node| list.push_back((*node).clone()).is_ok()).count();
    assert_eq!(pushed, list.iter().count());
    for node in &nodes {
        list.remove(node);
        list.contains(node);
    }
    drop(list);
    assert!(nodes.iter().all(|node| Arc::strong_count(node) == 1));
}

proptest! {
    #[test]
    fn list_is_a_deque(steps in proptest::collection::vec((0..6u8, 0..12usize), 0..200)) {
        let nodes = nodes(12);
        let mut list = List::<Node>::new();
        let mut model = VecDeque::new();
        for (step, id) in steps {
            let there = model.contains(&id);
            match step {
                0 => {
                    prop_assert_eq!(list.push_back(nodes[id].clone()).is_err(), there);
                    if !there { model.push_back(id) }
                }
                1 => {
                    prop_assert_eq!(list.push_front(nodes[id].clone()).is_err(), there);
                    if !there { model.push_front(id) }
                }
                2 => prop_assert_eq!(list.pop_front().map(|node| node.id), model.pop_front()),
                3 => prop_assert_eq!(list.pop_back().map(|node| node.id), model.pop_back()),
                4 => {
                    prop_assert_eq!(list.remove(&nodes[id]).map(|node| node.id), there.then_some(id));
                    model.retain(|other| *other != id);
                }
                _ => {
                    prop_assert_eq!(list.move_to_back(&nodes[id]), there);
                    if there {
                        model.retain(|other| *other != id);
                        model.push_back(id);
                    }
                }
            }
            prop_assert_eq!(list.iter().map(|node| node.id).collect::<VecDeque<_>>(), model.clone());
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(list.back().map(|node| node.id), model.back().copied());
        }
        drop(list);
        prop_assert!(nodes.iter().all(|node| Arc::strong_count(node) == 1));
    }

    #[test]
    fn tree_is_a_stable_sorted_list(steps in proptest::collection::vec((0..5u8, 0..40usize, 0..12u64), 0..400)) {
        let nodes = nodes(40);
        let mut tree = Tree::<Node>::new();
        let mut model: Vec<(u64, usize)> = Vec::new();
        for (step, id, key) in steps {
            let at = model.iter().position(|&(_, other)| other == id);
            match step {
                0..=2 => {
                    prop_assert_eq!(tree.insert(key, nodes[id].clone()).is_err(), at.is_some());
                    if at.is_none() {
                        let place = model.iter().position(|&(other, _)| other > key).unwrap_or(model.len());
                        model.insert(place, (key, id));
                    }
                }
                3 => {
                    prop_assert_eq!(tree.key_of(&nodes[id]), at.map(|at| model[at].0));
                    prop_assert_eq!(tree.remove(&nodes[id]).is_some(), at.is_some());
                    if let Some(at) = at { model.remove(at); }
                }
                _ => {
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(tree.pop_first().map(|(key, node)| (key, node.id)), expected);
                }
            }
            tree.checked_depth();
            let plain = |entry: Option<(u64, &Arc<Node>)>| entry.map(|(key, node)| (key, node.id));
            prop_assert_eq!(tree.iter().map(|(key, node)| (key, node.id)).collect::<Vec<_>>(), model.clone());
            prop_assert_eq!(plain(tree.first()), model.first().copied());
            prop_assert_eq!(plain(tree.last()), model.last().copied());
            prop_assert_eq!(plain(tree.lower_bound(key)), model.iter().copied().find(|&(other, _)| other >= key));
            prop_assert_eq!(plain(tree.floor(key)), model.iter().copied().rfind(|&(other, _)| other <= key));
            prop_assert_eq!(tree.iter_from(key).count(), model.iter().filter(|&&(other, _)| other >= key).count());
        }
        drop(tree);
        prop_assert!(nodes.iter().all(|node| Arc::strong_count(node) == 1));
    }
}
