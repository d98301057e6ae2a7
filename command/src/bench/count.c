/*
 * A plugin for QEMU's translator that counts the instructions of user mode between marks.
 *
 * A mark is an instruction without effect that no compiler emits: nopl of an address that ends in "Lst" and a letter, in a user
 * program. At each mark its letter and the instructions of user mode so far are written into a file that the host maps.
 * Addresses of the lower half are user mode's. Counting is an addition in the translated code before each such instruction, so
 * an instruction that faults and is run again counts twice; instructions of the kernel cost nothing.
 *
 * Only declarations of QEMU's plugin interface, version 1, are used; they are repeated here, since no package has the header.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { QEMU_PLUGIN_CB_NO_REGS };
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translated_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_t)(unsigned, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed_t, int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* The mapped file: how many marks there were, and the first of them. The host's `counter.rs` says the same. */
#define MOST_MARKS 65535
struct marks {
    uint64_t count, unused;
    struct {
        uint64_t letter, user;
    } mark[MOST_MARKS];
};
static struct marks *marks;
static uint64_t user;

static void executed(unsigned cpu, void *letter)
{
    (void)cpu;
    if (marks->count < MOST_MARKS) {
        marks->mark[marks->count].letter = (uintptr_t)letter;
        marks->mark[marks->count].user = user;
    }
    marks->count++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static const uint8_t mark[] = { 0x0f, 0x1f, 0x80, 'L', 's', 't' };
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);
        if ((int64_t)qemu_plugin_insn_vaddr(instruction) < 0)
            return;
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, &user, 1);
        const uint8_t *bytes = qemu_plugin_insn_data(instruction);
        if (qemu_plugin_insn_size(instruction) == 7 && !memcmp(bytes, mark, sizeof mark))
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)bytes[6]);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments)
{
    (void)info;
    for (int i = 0; i < count; i++) {
        int file = strncmp(arguments[i], "marks=", 6) ? -1 : open(arguments[i] + 6, O_RDWR);
        if (file >= 0)
            marks = mmap(NULL, sizeof *marks, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    if (!marks || marks == MAP_FAILED)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
