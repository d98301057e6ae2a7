//! What was counted: functions by call chain.

use super::plugin::{HEADER, NODE};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fmt::Write;

/// A function as called from its parent's chain.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub name: String,
    /// Executed in the function itself.
    pub own: u64,
    /// And in what it called.
    pub total: u64,
    pub calls: u64,
    pub children: Vec<usize>,
}

/// The tree; node 0 is the root.
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    /// Reads what the plugin has left.
    pub fn read(bytes: Vec<u8>, names: &[String]) -> Result<Tree> {
        let mut nodes = vec![Node { name: "all".into(), ..Node::default() }];
        let word = |at: usize| -> Option<u32> { Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
        let long = |at: usize| -> Option<u64> { Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?)) };
        let count = bytes.len().saturating_sub(HEADER) / NODE;
        let mut parents = vec![0];
        for index in 1..count {
            let at = HEADER + index * NODE;
            let read = || Some((word(at)? as usize, word(at + 4)? as usize, long(at + 16)?, long(at + 24)?));
            let (parent, symbol, own, calls) = read().context("the profile is cut short")?;
            let name = names.get(symbol).context("the profile names an unknown function")?.clone();
            nodes.push(Node { name, own, total: own, calls, children: Vec::new() });
            parents.push(parent);
        }
        // Parents come before their children.
        for index in (1..nodes.len()).rev() {
            let parent = parents[index];
            if parent >= index {
                anyhow::bail!("the profile is no tree");
            }
            nodes[parent].total += nodes[index].total;
            nodes[parent].children.push(index);
        }
        Ok(Tree { nodes })
    }

    /// All instructions.
    pub fn total(&self) -> u64 {
        self.nodes[0].total
    }

    /// Functions with their own instructions, and those of what they called (once where they recur), and calls.
    fn functions(&self) -> Vec<(&str, u64, u64, u64)> {
        let mut sums: HashMap<&str, (u64, u64, u64)> = HashMap::new();
        let mut chain: Vec<&str> = Vec::new();
        self.visit(0, &mut |node, entering| {
            if !entering {
                chain.pop();
                return;
            }
            let sum = sums.entry(&node.name).or_default();
            sum.0 += node.own;
            sum.2 += node.calls;
            if !chain.contains(&node.name.as_str()) {
                sum.1 += node.total;
            }
            chain.push(&node.name);
        });
        sums.remove("all");
        let mut functions: Vec<_> =
            sums.into_iter().map(|(name, (own, total, calls))| (name, own, total, calls)).collect();
        functions.sort_by_key(|(name, own, _, _)| (std::cmp::Reverse(*own), *name));
        functions
    }

    /// Calls `with` when a node is entered and when it is left.
    fn visit<'a>(&'a self, index: usize, with: &mut impl FnMut(&'a Node, bool)) {
        let node = &self.nodes[index];
        with(node, true);
        for child in &node.children {
            self.visit(*child, with);
        }
        with(node, false);
    }

    /// The functions with the most instructions of their own.
    pub fn table(&self, lines: usize) -> String {
        let all = self.total() as f64;
        let mut text = format!("{:>14} {:>6} {:>6} {:>12}  function\n", "instructions", "own", "total", "calls");
        for (name, own, total, calls) in self.functions().into_iter().take(lines) {
            let percent = |part: u64| part as f64 / all * 100.0;
            let (of_own, of_total) = (percent(own), percent(total));
            // Writing to a string does not fail.
            let _ = writeln!(text, "{own:>14} {of_own:>5.1}% {of_total:>5.1}% {calls:>12}  {name}");
        }
        let _ = writeln!(text, "{:>14} in all", self.total());
        text
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Nodes as the plugin leaves them: parent, symbol, instructions.
    pub fn sample() -> Tree {
        let mut bytes = vec![0; HEADER + NODE];
        for (parent, symbol, own) in [(0_u32, 0_u32, 10_u64), (1, 1, 20), (2, 0, 30)] {
            for word in [parent, symbol, 0, 0] {
                bytes.extend(word.to_ne_bytes());
            }
            bytes.extend(own.to_ne_bytes());
            bytes.extend(1_u64.to_ne_bytes());
        }
        Tree::read(bytes, &["a".to_string(), "b".to_string()]).unwrap()
    }

    #[test]
    fn recursion_counts_once_in_the_total() {
        assert_eq!(sample().functions(), [("a", 40, 60, 2), ("b", 20, 50, 1)]);
        assert_eq!(sample().total(), 60);
    }

    #[test]
    fn damaged_profiles_are_refused() {
        let mut bytes = vec![0; HEADER + 2 * NODE];
        assert!(Tree::read(bytes.clone(), &[]).is_err());
        bytes[HEADER + NODE] = 7;
        assert!(Tree::read(bytes, &["a".to_string()]).is_err());
    }
}
