//! Structure-aware mutation of JSON, shared by the targets that read JSON.
//!
//! libFuzzer's own mutations know bytes; most of what they make of a workflow is no JSON any more. Half
//! of the time a mutation here parses the input and changes one value of the tree: another keyword, an
//! index next to the old one, an extreme number, a subtree from elsewhere, deeper nesting.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Keys and words of HyperFlow's and WfCommons' formats.
const WORDS: &[&str] = &[
    "processes", "tasks", "signals", "data", "ins", "outs", "name", "type", "function", "config",
    "executor", "executable", "args", "env", "stdout", "stderr", "append", "work_dir", "timeout",
    "retries", "cpuRequest", "memRequest", "firingLimit", "firingInterval", "parlevel", "ordering",
    "sticky", "joinCount", "activeBranchesCount", "control", "next", "done", "count", "merge",
    "choice", "join", "dataflow", "foreach", "splitter", "sig:2", "sig:0", "sig:c", "a:b:c", ":",
    "{{x}}", "{{{x}}}", "{{", "command", "exit", "file", "remoteSinks", "value", "workflow",
    "specification", "execution", "schemaVersion", "1.5", "parents", "children", "inputFiles",
    "outputFiles", "files", "id", "sizeInBytes", "runtimeInSeconds", "program", "arguments", "",
    "0", "-1", "4294967295", "input", "fired", "info", "_id", "source", "condition", "true",
    "forceRecompute", "flags", "\u{0}", "\u{1f4a5}", "\n",
];

/// xorshift64*: the mutation is a function of libFuzzer's seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.next() % limit as u64) as usize }
    }

    fn word(&mut self) -> String {
        WORDS[self.below(WORDS.len())].to_owned()
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// The `at`-th value of the tree, in depth-first order.
fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, at)),
        Value::Object(fields) => fields.values_mut().find_map(|field| nth(field, at)),
        _ => None,
    }
}

fn pick<'a>(tree: &'a mut Value, random: &mut Random) -> Option<&'a mut Value> {
    let mut at = random.below(count(tree));
    nth(tree, &mut at)
}

fn scalar(random: &mut Random) -> Value {
    match random.below(9) {
        0 => Value::Null,
        1 => json!(random.next() & 1 == 0),
        2 => json!(random.below(8)),
        3 => json!(-(random.below(8) as i64)),
        4 => json!([u64::MAX, 1 << 32, (1 << 32) - 1, 1 << 31, 1 << 53][random.below(5)]),
        5 => json!([1e308, -1e308, 0.5, 1e-320, 4294967295.5][random.below(5)]),
        6 => json!([]),
        7 => json!({}),
        _ => json!(random.word()),
    }
}

fn change(tree: &mut Value, random: &mut Random) {
    let donor = pick(tree, random).map(|donor| donor.clone());
    let Some(target) = pick(tree, random) else { return };
    match (random.below(8), &mut *target) {
        (0, _) => *target = scalar(random),
        (1, Value::Array(items)) if !items.is_empty() => {
            let at = random.below(items.len());
            items.remove(at);
        }
        (1, Value::Object(fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(random.below(fields.len())).cloned();
            fields.remove(&key.unwrap_or_default());
        }
        (2 | 3, Value::Array(items)) => {
            let value = match items.get(random.below(items.len())) {
                Some(item) if random.next() & 1 == 0 => item.clone(),
                _ => scalar(random),
            };
            let at = random.below(items.len() + 1);
            items.insert(at, value);
        }
        (2 | 3, Value::Object(fields)) => {
            fields.insert(random.word(), scalar(random));
        }
        (4, Value::Number(number)) => {
            let near = number.as_i64().unwrap_or(0).wrapping_add(random.below(5) as i64 - 2);
            *target = json!(near);
        }
        (4, Value::String(text)) => {
            let other = random.word();
            if random.next() & 1 == 0 { text.push_str(&other) } else { *text = other }
        }
        (5, Value::Array(items)) if items.len() > 1 => {
            let (a, b) = (random.below(items.len()), random.below(items.len()));
            items.swap(a, b);
        }
        (6, _) => {
            let mut inner = target.take();
            let most = if random.below(50) == 0 { 140 } else { 2 };
            for _ in 0..=random.below(most) {
                inner = if random.next() & 1 == 0 { json!([inner]) } else { json!({random.word(): inner}) };
            }
            *target = inner;
        }
        _ => *target = donor.unwrap_or_default(),
    }
}

/// A mutation of `data[..size]` in place; answers the new size.
pub fn mutate_json(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random((u64::from(seed) << 17) ^ 0x9e37_79b9_7f4a_7c15);
    if random.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let Ok(mut tree) = serde_json::from_slice::<Value>(&data[..size]) else {
        return fuzzer_mutate(data, size, max_size);
    };
    for _ in 0..=random.below(4) {
        change(&mut tree, &mut random);
    }
    let Ok(text) = serde_json::to_vec(&tree) else { return size };
    if text.is_empty() || text.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..text.len()].copy_from_slice(&text);
    text.len()
}
