/*
 * Executes instruction snippets on the CPU of the host, for comparison with the x86-64 core.
 *
 * Reads requests from standard input and writes one answer each to standard output, both in binary. A snippet starts
 * with the given registers and flags in a code page of its own; int3 bytes around it and every fault end it. Data are
 * two pages between inaccessible ones; their content is zero but for a window around the border of the two.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE_BASE 0x10000000ul
#define CODE_START 0x800
#define DATA_BASE 0x20000000ul
#define DATA_BYTES 0x2000
#define WINDOW_START 0xf80
#define WINDOW_BYTES 256
#define CODE_BYTES 48

struct request {
  uint64_t gpr[16];
  uint64_t flags;
  uint32_t bits;
  uint32_t length;
  uint8_t code[CODE_BYTES];
  uint8_t window[WINDOW_BYTES];
};

struct answer {
  uint64_t gpr[16];
  uint64_t flags;
  uint64_t rip;
  uint32_t trap;
  uint32_t error;
  uint64_t cr2;
  uint64_t hash;
  uint8_t window[WINDOW_BYTES];
};

/* In the order of the encoding: RAX RCX RDX RBX RSP RBP RSI RDI R8 .. R15. */
static const int GREGS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

uint64_t entry_gpr[16];
uint64_t entry_flags;
/* Where the snippet is entered; compatibility mode needs a far pointer m16:32. */
uint64_t entry_long;
struct {
  uint32_t offset;
  uint16_t selector;
} __attribute__((packed)) entry_compat;

void enter_snippet(int is_compat);
__asm__(".text\n"
        ".globl enter_snippet\n"
        "enter_snippet:\n"
        "  mov %edi, %ecx\n"
        "  pushq entry_flags(%rip)\n"
        "  test %ecx, %ecx\n"
        "  jnz 1f\n"
        "  popfq\n"
        "  call 2f\n"
        "  jmp *entry_long(%rip)\n"
        "1: popfq\n"
        "  call 2f\n"
        "  ljmp *entry_compat(%rip)\n"
        "2: mov entry_gpr+0(%rip), %rax\n"
        "  mov entry_gpr+8(%rip), %rcx\n"
        "  mov entry_gpr+16(%rip), %rdx\n"
        "  mov entry_gpr+24(%rip), %rbx\n"
        "  mov entry_gpr+40(%rip), %rbp\n"
        "  mov entry_gpr+48(%rip), %rsi\n"
        "  mov entry_gpr+56(%rip), %rdi\n"
        "  mov entry_gpr+64(%rip), %r8\n"
        "  mov entry_gpr+72(%rip), %r9\n"
        "  mov entry_gpr+80(%rip), %r10\n"
        "  mov entry_gpr+88(%rip), %r11\n"
        "  mov entry_gpr+96(%rip), %r12\n"
        "  mov entry_gpr+104(%rip), %r13\n"
        "  mov entry_gpr+112(%rip), %r14\n"
        "  pop %r15\n"
        "  mov %r15, return_to(%rip)\n"
        "  mov entry_gpr+120(%rip), %r15\n"
        "  mov entry_gpr+32(%rip), %rsp\n"
        "  jmp *return_to(%rip)\n"
        ".data\n"
        ".balign 8\n"
        "return_to: .quad 0\n"
        ".text\n");

static sigjmp_buf back;
static struct answer result;
static uint8_t *code_alias;

/* Snippets started, and the one at hand at the last tick: a snippet that outlives a whole tick loops. */
static volatile unsigned long started;
static unsigned long seen;
#define TRAP_LOOPS 0xffff

static void on_signal(int number, siginfo_t *info, void *raw) {
  const ucontext_t *context = raw;
  const greg_t *gregs = context->uc_mcontext.gregs;
  (void)info;
  if (number == SIGVTALRM && seen != started) {
    seen = started;
    return;
  }
  for (int index = 0; index < 16; index++) result.gpr[index] = (uint64_t)gregs[GREGS[index]];
  result.flags = (uint64_t)gregs[REG_EFL];
  result.rip = (uint64_t)gregs[REG_RIP];
  result.trap = number == SIGVTALRM ? TRAP_LOOPS : (uint32_t)gregs[REG_TRAPNO];
  result.error = (uint32_t)gregs[REG_ERR];
  result.cr2 = (uint64_t)gregs[REG_CR2];
  siglongjmp(back, 1);
}

static uint32_t hash_data(void) {
  const uint32_t *words = (const uint32_t *)DATA_BASE;
  uint32_t hash = 0;
  for (int index = 0; index < DATA_BYTES / 4; index++) hash = (hash ^ words[index]) * 0x01000193u;
  return hash;
}

static void run(const struct request *request) {
  memset(&result, 0, sizeof result);
  started++;
  memset((void *)DATA_BASE, 0, DATA_BYTES);
  memcpy((void *)(DATA_BASE + WINDOW_START), request->window, WINDOW_BYTES);
  memset(code_alias + CODE_START - 64, 0xcc, 64 + CODE_BYTES + 160);
  memcpy(code_alias + CODE_START, request->code, request->length);
  memcpy(entry_gpr, request->gpr, sizeof entry_gpr);
  entry_flags = request->flags;
  if (sigsetjmp(back, 0) == 0) enter_snippet(request->bits == 32);
  /* The handler left without restoring the direction flag of the C code. */
  __asm__ volatile("cld");
  memcpy(result.window, (const void *)(DATA_BASE + WINDOW_START), WINDOW_BYTES);
  result.hash = hash_data();
}

static void *map(uint64_t address, size_t bytes, int protection, int flags, int file) {
  void *at = mmap((void *)address, bytes, protection, flags, file, 0);
  if (at == MAP_FAILED) {
    perror("mmap");
    exit(2);
  }
  return at;
}

int main(void) {
  const int file = memfd_create("code", 0);
  if (file < 0 || ftruncate(file, 0x1000) != 0) return 2;
  map(CODE_BASE, 0x1000, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file);
  code_alias = map(0, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  memset(code_alias, 0xcc, 0x1000);
  map(DATA_BASE - 0x1000, DATA_BYTES + 0x2000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
  map(DATA_BASE, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
  entry_long = CODE_BASE + CODE_START;
  entry_compat.offset = CODE_BASE + CODE_START;
  entry_compat.selector = 0x23;
  /* Compatibility mode uses DS and ES. */
  __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(0x2b));
  static uint8_t stack[0x10000];
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGVTALRM};
  for (unsigned index = 0; index < sizeof signals / sizeof signals[0]; index++) sigaction(signals[index], &action, NULL);
  const struct itimerval tick = {{0, 20000}, {0, 20000}};
  setitimer(ITIMER_VIRTUAL, &tick, NULL);
  static struct request request;
  while (fread(&request, sizeof request, 1, stdin) == 1) {
    run(&request);
    if (fwrite(&result, sizeof result, 1, stdout) != 1) return 3;
  }
  return 0;
}
