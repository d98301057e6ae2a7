/*
 * A plugin for QEMU's translator that counts instructions by call chain.
 *
 * It keeps a tree of functions in a file that the host maps: each node is a function called from its parent's, with the
 * instructions executed in it. Calls and returns are followed by the last instruction of each translated block; a jump
 * into another function counts as a tail call, control that leaves a chain (context switches) is found again by function.
 *
 * Only declarations of QEMU's plugin interface, version 1, are used; they are repeated here, since no package has the header.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*translated_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_t)(unsigned, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, executed_t, int, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* The mapped file: a header and nodes. The host's `plugin.rs` says the same. */
struct header {
    _Atomic uint32_t counting;
    uint32_t nodes;
    uint64_t unused;
};
struct node {
    uint32_t parent, symbol, child, sibling;
    uint64_t instructions, calls;
};
#define MOST_NODES (1u << 20)
static struct header *header;
static struct node *nodes;

/* Functions by address, from the host: start, end, number. */
struct symbol {
    uint64_t start, end, number;
};
static const struct symbol *symbols;
static size_t symbol_count;
enum { USER, KERNEL };

enum { JUMP, CALL, RETURN };
struct block {
    uint64_t address, after;
    uint32_t instructions, symbol, last, starts_function;
};
struct frame {
    uint32_t node;
    uint64_t back;
};
struct stack {
    struct frame frames[256];
    unsigned depth;
};
static struct stack user, kernel;
static const struct block *previous;

static int is_kernel(uint64_t address) { return (int64_t)address < 0; }

static const struct symbol *find(uint64_t address)
{
    size_t low = 0, high = symbol_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (symbols[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < symbol_count && symbols[low].start <= address ? &symbols[low] : NULL;
}

static uint32_t child_of(uint32_t parent, uint32_t symbol)
{
    uint32_t child = nodes[parent].child;
    for (; child; child = nodes[child].sibling)
        if (nodes[child].symbol == symbol)
            return child;
    if (header->nodes == MOST_NODES)
        return parent;
    child = header->nodes++;
    nodes[child] = (struct node){ .parent = parent, .symbol = symbol, .sibling = nodes[parent].child };
    nodes[parent].child = child;
    return child;
}

static void push(struct stack *stack, uint32_t symbol, uint64_t back)
{
    uint32_t parent = stack->depth ? stack->frames[stack->depth - 1].node : 0;
    if (stack->depth == sizeof stack->frames / sizeof *stack->frames)
        stack->depth--;
    struct frame *frame = &stack->frames[stack->depth++];
    frame->node = child_of(parent, symbol);
    frame->back = back;
    nodes[frame->node].calls++;
}

/* Control has come into another function by other ways than a call or its return. */
static void jump(struct stack *stack, const struct block *block)
{
    struct frame *top = &stack->frames[stack->depth - 1];
    if (nodes[top->node].symbol == block->symbol)
        return;
    if (!block->starts_function)
        for (unsigned depth = stack->depth; depth > 0; depth--)
            if (nodes[stack->frames[depth - 1].node].symbol == block->symbol) {
                stack->depth = depth;
                return;
            }
    uint64_t back = top->back;
    stack->depth--;
    push(stack, block->symbol, back);
}

static void follow(struct stack *stack, const struct block *block)
{
    if (!previous || stack->depth == 0) {
        if (stack->depth == 0)
            push(stack, block->symbol, 0);
        else
            jump(stack, block);
        return;
    }
    if (previous->last == CALL && block->address != previous->after) {
        push(stack, block->symbol, previous->after);
    } else if (previous->last == RETURN) {
        for (unsigned depth = stack->depth; depth > 0; depth--)
            if (stack->frames[depth - 1].back == block->address) {
                stack->depth = depth - 1;
                break;
            }
        if (stack->depth == 0)
            push(stack, block->symbol, 0);
        else
            jump(stack, block);
    } else {
        jump(stack, block);
    }
}

static void executed(unsigned cpu, void *data)
{
    const struct block *block = data;
    (void)cpu;
    if (!header->counting) {
        user.depth = kernel.depth = 0;
        previous = NULL;
        return;
    }
    int now = is_kernel(block->address);
    struct stack *stack = now ? &kernel : &user;
    if (previous && is_kernel(previous->address) != now) {
        if (now)
            kernel.depth = 0;
        previous = NULL;
    }
    follow(stack, block);
    nodes[stack->frames[stack->depth - 1].node].instructions += block->instructions;
    previous = block;
}

static int kind(const struct qemu_plugin_insn *instruction)
{
    const uint8_t *bytes = qemu_plugin_insn_data(instruction);
    size_t size = qemu_plugin_insn_size(instruction), at = 0;
    while (at + 1 < size && (bytes[at] == 0x2e || bytes[at] == 0x3e || bytes[at] == 0x66 || bytes[at] == 0xf2
                             || bytes[at] == 0xf3 || (bytes[at] & 0xf0) == 0x40))
        at++;
    if (bytes[at] == 0xe8 || (bytes[at] == 0xff && at + 1 < size && (bytes[at + 1] >> 3 & 7) == 2))
        return CALL;
    return bytes[at] == 0xc3 || bytes[at] == 0xc2 ? RETURN : JUMP;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
    /* Blocks live as long as QEMU: translations may be used again after they were thrown away. */
    struct block *block = malloc(sizeof *block);
    if (!block)
        abort();
    block->address = qemu_plugin_tb_vaddr(tb);
    block->after = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    block->instructions = count;
    block->last = kind(last);
    const struct symbol *symbol = find(block->address);
    block->symbol = symbol ? symbol->number : is_kernel(block->address) ? KERNEL : USER;
    block->starts_function = symbol && symbol->start == block->address;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void *map(const char *path, int writable, size_t *size)
{
    struct stat status;
    int file = open(path, writable ? O_RDWR : O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0)
        return NULL;
    *size = status.st_size;
    void *at = mmap(NULL, *size ? *size : 1, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, file, 0);
    return at == MAP_FAILED ? NULL : at;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments)
{
    size_t size = 0;
    (void)info;
    for (int i = 0; i < count; i++) {
        if (!strncmp(arguments[i], "symbols=", 8)) {
            if (!(symbols = map(arguments[i] + 8, 0, &size)))
                return -1;
            symbol_count = size / sizeof *symbols;
        } else if (!strncmp(arguments[i], "tree=", 5)) {
            if (!(header = map(arguments[i] + 5, 1, &size)))
                return -1;
            nodes = (struct node *)(header + 1);
        }
    }
    if (!symbols || !header || size < sizeof *header + MOST_NODES * sizeof *nodes)
        return -1;
    /* The root of the tree. */
    header->nodes = 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
