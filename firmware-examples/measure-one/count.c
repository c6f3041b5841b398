// A TCG plugin for QEMU: instructions from each pass of one address to the next pass of another. The first pair has
// nothing in between; what it takes is subtracted from all others. Prints number, sum, largest of them. With where=FILE
// it also writes how often each address was passed.
//   gcc -O2 -shared -fPIC -o count.so count.c;  qemu-system-arm .. -plugin count.so,start=0x100,stop=0x110,out=FILE
// Prototypes as in QEMU's documentation of its plugin interface, version 1: not every distribution ships the header.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { NO_REGISTERS = 0, ADD_U64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed, start_address, stop_address;
static uint64_t started, empty, pairs, sum, largest;
static char *out, *where;
// How often each instruction of the first megabyte was passed in the whole run, for `where`.
enum { CODE = 1 << 20 };
static uint64_t passes[CODE / 2];

static void start(unsigned cpu, void *unused) { started = executed; }

static void stop(unsigned cpu, void *unused) {
    uint64_t taken = executed - started;
    if (!pairs++) {
        empty = taken;
        return;
    }
    taken -= empty;
    sum += taken;
    if (taken > largest) largest = taken;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    size_t n = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        if (address == start_address) qemu_plugin_register_vcpu_insn_exec_cb(instruction, start, NO_REGISTERS, NULL);
        if (address == stop_address) qemu_plugin_register_vcpu_insn_exec_cb(instruction, stop, NO_REGISTERS, NULL);
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed, 1);
        uint64_t place = address - (start_address & ~UINT64_C(0xfff));
        if (where && place < CODE)
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &passes[place / 2], 1);
    }
}

static void ended(qemu_plugin_id_t id, void *unused) {
    FILE *file = out ? fopen(out, "w") : stdout;
    if (!file) return;
    fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", pairs ? pairs - 1 : 0, sum, largest);
    fclose(file);
    if (!where || !(file = fopen(where, "w"))) return;
    for (uint64_t i = 0; i < CODE / 2; i++)
        if (passes[i]) fprintf(file, "%08" PRIx64 " %" PRIu64 "\n", (start_address & ~UINT64_C(0xfff)) + 2 * i, passes[i]);
    fclose(file);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) return 1;
        value++;
        if (!strncmp(argv[i], "start=", 6)) start_address = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "stop=", 5)) stop_address = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "out=", 4)) out = strdup(value);
        else if (!strncmp(argv[i], "where=", 6)) where = strdup(value);
        else return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
