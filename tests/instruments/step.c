/*
 * step: goes through the system calls of a command that change files, and does something at the Nth.
 *
 *   step [-p PREFIX]... [-n N] [-a ACTION] [-e ERRNO] [-f] [-r] [-c CALL,...] [-t TRACE] [-T SECONDS] -- COMMAND...
 *
 *   -p PREFIX   only calls on something below this path count; may be given several times
 *   -n N        the call to act at; without it the calls are only counted
 *   -a ACTION   before   kill everything as the call begins (the default)
 *               after    kill everything as the call has ended
 *               errno    the call fails with ERRNO and does nothing
 *               short    the call transfers half of its bytes
 *               stand    the thread stands still until a line comes in; the others go on
 *   -e ERRNO    a number; 28 (ENOSPC) by default
 *   -f          for good: with `errno`, all that come after the Nth fail too; for want of room only those that may
 *               need some
 *   -r          calls that only read (open, read, list, stat, readlink) count too
 *   -c CALLS    only calls of these names count
 *   -t TRACE    write a line for each call: number, thread, then CALL and its result
 *   -T SECONDS  kill everything after this long; 120 by default
 *
 * There is one counter for all threads and children of the command: with one for each of them most calls of a
 * program that shares work among threads would never be the Nth of anything. A seccomp filter stops the command at
 * the calls of the table below and at no others, so the rest runs at full speed.
 *
 * It talks over its standard input, a socket or a terminal, so that standard output and error are the command's own:
 *
 *   at N CALL        the thread stands still at its call; any line lets it go on
 *   done N HIT CALL  how many calls there were, whether it came to the Nth (1 or 0), and which one that was
 *
 * CALL is the name, the path, the other path, the descriptor (-1: none) and the flags. There are tabs between
 * all these, and bytes that are not printable are written \xNN.
 *
 * Exit code: the command's, 128 + its signal; 137 when it was killed at the Nth call; 124 when it took too long.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the calls ------------------------------------------------------------------------------------------------- */

enum kind {
    CHANGES, /* changes something, always */
    READS,   /* changes nothing */
    OPENS,   /* by its flags */
    IOCTL,   /* by its command */
};

/*
 * The letters say what the arguments are: p a path, d the folder that the next path is relative to, f a descriptor
 * that is written to, t a text (where a symlink leads), F flags, H a struct open_how, N a number of bytes.
 */
struct call {
    long number;
    const char *name;
    const char *arguments;
    enum kind kind;
};

#define CALL(name, arguments, kind) { __NR_##name, #name, arguments, kind }

static const struct call calls[] = {
    CALL(openat, "dpF", OPENS),
    CALL(openat2, "dpH", OPENS),
    CALL(write, "f-N", CHANGES),
    CALL(pwrite64, "f-N", CHANGES),
    CALL(writev, "f", CHANGES),
    CALL(pwritev, "f", CHANGES),
    CALL(pwritev2, "f", CHANGES),
    CALL(copy_file_range, "--f-N", CHANGES),
    CALL(splice, "--f-N", CHANGES),
    CALL(sendfile, "f--N", CHANGES),
    CALL(fallocate, "fF", CHANGES),
    CALL(ftruncate, "f", CHANGES),
    CALL(truncate, "p", CHANGES),
    CALL(renameat2, "dpdpF", CHANGES),
    CALL(linkat, "dpdpF", CHANGES),
    CALL(symlinkat, "tdp", CHANGES),
    CALL(unlinkat, "dpF", CHANGES),
    CALL(mkdirat, "dp", CHANGES),
    CALL(mknodat, "dp", CHANGES),
    CALL(fchmod, "f", CHANGES),
    CALL(fchmodat, "dp", CHANGES),
    CALL(fchown, "f", CHANGES),
    CALL(fchownat, "dp", CHANGES),
    CALL(utimensat, "dp", CHANGES),
    CALL(setxattr, "p", CHANGES),
    CALL(lsetxattr, "p", CHANGES),
    CALL(fsetxattr, "f", CHANGES),
    CALL(removexattr, "p", CHANGES),
    CALL(lremovexattr, "p", CHANGES),
    CALL(fremovexattr, "f", CHANGES),
    CALL(fsync, "f", CHANGES),
    CALL(fdatasync, "f", CHANGES),
    CALL(syncfs, "f", CHANGES),
    CALL(sync, "", CHANGES),
    CALL(sync_file_range, "f", CHANGES),
    CALL(flock, "fF", CHANGES),
    CALL(ioctl, "fF", IOCTL),
    CALL(io_uring_enter, "", CHANGES),
#ifdef __NR_fchmodat2
    CALL(fchmodat2, "dp", CHANGES),
#endif
#ifdef __NR_renameat
    CALL(renameat, "dpdp", CHANGES),
#endif
#ifdef __NR_open /* what newer architectures do not have */
    CALL(open, "pF", OPENS),
    CALL(creat, "p", CHANGES),
    CALL(rename, "pp", CHANGES),
    CALL(link, "pp", CHANGES),
    CALL(symlink, "tp", CHANGES),
    CALL(unlink, "p", CHANGES),
    CALL(rmdir, "p", CHANGES),
    CALL(mkdir, "p", CHANGES),
    CALL(mknod, "p", CHANGES),
    CALL(chmod, "p", CHANGES),
    CALL(chown, "p", CHANGES),
    CALL(lchown, "p", CHANGES),
    CALL(utime, "p", CHANGES),
    CALL(utimes, "p", CHANGES),
    CALL(futimesat, "dp", CHANGES),
    CALL(stat, "p", READS),
    CALL(lstat, "p", READS),
    CALL(access, "p", READS),
    CALL(readlink, "p", READS),
#endif
    CALL(read, "f", READS),
    CALL(pread64, "f", READS),
    CALL(readv, "f", READS),
    CALL(getdents64, "f", READS),
    CALL(fstat, "f", READS),
    CALL(newfstatat, "dp", READS),
    CALL(statx, "dp", READS),
    CALL(readlinkat, "dp", READS),
    CALL(faccessat, "dp", READS),
};
enum { CALLS = sizeof calls / sizeof *calls };

static const struct call *call_of(uint64_t number)
{
    for (int i = 0; i < CALLS; i++)
        if ((uint64_t)calls[i].number == number)
            return &calls[i];
    return NULL;
}

/* --- what the command line says -------------------------------------------------------------------------------- */

enum action { BEFORE, AFTER, ERRNO, SHORT, STAND };
static const char *const action_names[] = { "before", "after", "errno", "short", "stand" };

static const char *prefixes[16];
static int prefix_count;
static long wanted;
static enum action action = BEFORE;
static int error_number = ENOSPC;
static int for_good;
static int reads_too;
static const char *only;
static FILE *trace;
static unsigned seconds = 120;

/* --- the command's threads ------------------------------------------------------------------------------------- */

enum { PATH_SIZE = 2 * PATH_MAX, THREADS = 1024 };

/* A call that counts, as it began. */
struct step {
    long number;
    const struct call *call;
    char path[PATH_SIZE];
    char other[PATH_SIZE];
    int descriptor; /* -1: none */
    uint64_t flags;
};

struct thread {
    pid_t id;
    int in_call; /* whether the end of `step` is waited for */
    struct step step;
};

static struct thread threads[THREADS];
static int thread_count;
static int killed;
static volatile sig_atomic_t too_late;

static struct thread *find(pid_t id)
{
    for (int i = 0; i < thread_count; i++)
        if (threads[i].id == id)
            return &threads[i];
    return NULL;
}

static struct thread *add(pid_t id)
{
    if (thread_count == THREADS) {
        fprintf(stderr, "step: too many threads\n");
        exit(126);
    }
    struct thread *thread = &threads[thread_count++];
    thread->id = id;
    thread->in_call = 0;
    return thread;
}

static void forget(pid_t id)
{
    struct thread *thread = find(id);
    if (thread)
        *thread = threads[--thread_count];
}

static void kill_all(void)
{
    killed = 1;
    for (int i = 0; i < thread_count; i++)
        kill(threads[i].id, SIGKILL);
}

static void on_alarm(int signal)
{
    (void)signal;
    too_late = 1;
    for (int i = 0; i < thread_count; i++)
        kill(threads[i].id, SIGKILL);
}

/* --- registers: the only part that is different on each architecture ------------------------------------------ */

#if defined __x86_64__

/* Makes the call that a thread is about to begin fail at once. */
static void fail_call(pid_t id, int error)
{
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, id, 0, &registers);
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)-error;
    ptrace(PTRACE_SETREGS, id, 0, &registers);
}

static void set_argument(pid_t id, int index, uint64_t value)
{
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, id, 0, &registers);
    switch (index) {
    case 2:
        registers.rdx = value;
        break;
    case 3:
        registers.r10 = value;
        break;
    case 4:
        registers.r8 = value;
        break;
    }
    ptrace(PTRACE_SETREGS, id, 0, &registers);
}

#else
#error "step knows the registers of x86_64 only"
#endif

/* --- reading the thread's memory and descriptors --------------------------------------------------------------- */

static void read_text(pid_t id, uint64_t address, char *text, size_t size)
{
    size_t length = 0;
    while (address && length < size - 1) {
        /* Up to the end of a small block each time: the next page may not be there. */
        size_t part = 256 - ((address + length) & 255);
        if (part > size - 1 - length)
            part = size - 1 - length;
        struct iovec ours = { text + length, part };
        struct iovec theirs = { (void *)(uintptr_t)(address + length), part };
        ssize_t got = process_vm_readv(id, &ours, 1, &theirs, 1, 0);
        if (got <= 0)
            break;
        if (memchr(text + length, 0, (size_t)got))
            return;
        length += (size_t)got;
    }
    text[length] = 0;
}

static void descriptor_path(pid_t id, int descriptor, char *path, size_t size)
{
    char link[64];
    if (descriptor == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%d/cwd", id);
    else
        snprintf(link, sizeof link, "/proc/%d/fd/%d", id, descriptor);
    ssize_t length = readlink(link, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
}

static void path_at(pid_t id, int folder, uint64_t address, char *path, size_t size)
{
    char name[PATH_MAX];
    char above[PATH_MAX];
    read_text(id, address, name, sizeof name);
    if (name[0] == '/') {
        snprintf(path, size, "%s", name);
        return;
    }
    descriptor_path(id, folder, above, sizeof above);
    snprintf(path, size, name[0] ? "%s/%s" : "%s", above, name);
}

static int is_below(const char *path)
{
    if (prefix_count == 0)
        return 1;
    for (int i = 0; i < prefix_count; i++) {
        size_t length = strlen(prefixes[i]);
        /* A blank: the kernel writes " (deleted)" behind the path of an open file that was unlinked. */
        if (strncmp(path, prefixes[i], length) == 0 && strchr("/ ", path[length]))
            return 1;
    }
    return 0;
}

/* Fills in paths, descriptor and flags of the call; tells whether it counts. */
static int describe(pid_t id, const struct __ptrace_syscall_info *info, struct step *step)
{
    const __u64 *arguments = (const __u64 *)info->seccomp.args;
    int folder = AT_FDCWD;
    int places = 0;
    step->path[0] = step->other[0] = 0;
    step->descriptor = -1;
    step->flags = 0;
    for (int i = 0; step->call->arguments[i]; i++) {
        char *path = places == 0 ? step->path : step->other;
        switch (step->call->arguments[i]) {
        case 'd':
            folder = (int)arguments[i];
            break;
        case 'p':
            path_at(id, folder, arguments[i], path, PATH_SIZE);
            places++;
            break;
        case 'f':
            step->descriptor = (int)arguments[i];
            descriptor_path(id, step->descriptor, path, PATH_SIZE);
            places++;
            break;
        case 't':
            read_text(id, arguments[i], step->other, PATH_SIZE);
            break;
        case 'F':
            step->flags = arguments[i];
            break;
        case 'H': {
            struct iovec ours = { &step->flags, sizeof step->flags };
            struct iovec theirs = { (void *)(uintptr_t)arguments[i], sizeof step->flags };
            process_vm_readv(id, &ours, 1, &theirs, 1, 0);
            break;
        }
        }
    }
    if (places > 0 && !is_below(step->path) && !(places > 1 && is_below(step->other)))
        return 0;
    switch (step->call->kind) {
    case CHANGES:
        return 1;
    case READS:
        return reads_too;
    case OPENS:
        return reads_too || (step->flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR));
    case IOCTL: /* Those of file systems: reflinks, attributes, verity. */
        return strchr("\x94" "f", (int)((step->flags >> 8) & 0xff)) != NULL;
    }
    return 0;
}

static int is_selected(const struct call *call)
{
    size_t length = strlen(call->name);
    const char *list = only;
    while (list && *list) {
        if (strncmp(list, call->name, length) == 0 && (list[length] == ',' || list[length] == 0))
            return 1;
        list = strchr(list, ',');
        if (list)
            list++;
    }
    return only == NULL;
}

/* --- telling --------------------------------------------------------------------------------------------------- */

static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte > 0x7e || byte == '\\')
            fprintf(to, "\\x%02x", byte);
        else
            fputc(byte, to);
    }
}

static void put_step(FILE *to, const struct step *step)
{
    fprintf(to, "%s\t", step->call ? step->call->name : "");
    put_escaped(to, step->path);
    fputc('\t', to);
    put_escaped(to, step->other);
    fprintf(to, "\t%d\t0x%llx", step->descriptor, (unsigned long long)step->flags);
}

/* Writes a line to whoever is at the other end of standard input. */
static void tell(const char *word, long number, const char *more, const struct step *step)
{
    FILE *to = fdopen(dup(STDIN_FILENO), "w");
    if (!to)
        return;
    fprintf(to, "%s\t%ld\t%s", word, number, more);
    put_step(to, step);
    fputc('\n', to);
    fclose(to);
}

static void wait_for_line(void)
{
    char byte = 0;
    while (!too_late && byte != '\n' && read(STDIN_FILENO, &byte, 1) == 1) {
    }
}

/* --- going ----------------------------------------------------------------------------------------------------- */

static long count;
static struct step hit; /* its number is 0 until it came to the Nth */

/* Does what is to be done at the Nth call, as it begins; tells whether its end is waited for. */
static int act(pid_t id, const struct __ptrace_syscall_info *info, const struct step *step)
{
    switch (action) {
    case BEFORE:
        kill_all();
        return 0;
    case AFTER:
        return 1;
    case ERRNO:
        fail_call(id, error_number);
        return 0;
    case SHORT: {
        const char *bytes = strchr(step->call->arguments, 'N');
        int index = bytes ? (int)(bytes - step->call->arguments) : 0;
        if (!bytes || info->seccomp.args[index] < 2)
            hit.number = 0; /* there is nothing to cut short */
        else
            set_argument(id, index, info->seccomp.args[index] / 2);
        return 0;
    }
    case STAND:
        tell("at", step->number, "", step);
        wait_for_line();
        return 0;
    }
    return 0;
}

/* Whether a call could fail like this: what only looks, or locks, needs no room. */
static int can_fail(const struct step *step)
{
    if (error_number != ENOSPC && error_number != EDQUOT)
        return 1;
    switch (step->call->kind) {
    case READS:
        return 0;
    case OPENS:
        return (step->flags & (O_CREAT | O_TRUNC)) != 0;
    default:
        return strcmp(step->call->name, "flock") != 0;
    }
}

/* A thread is about to begin a call of the table. */
static void begins(struct thread *thread)
{
    struct __ptrace_syscall_info info;
    struct step *step = &thread->step;
    int resume = PTRACE_CONT;
    ptrace(PTRACE_GET_SYSCALL_INFO, thread->id, sizeof info, &info);
    step->call = call_of(info.seccomp.nr);
    if (step->call && is_selected(step->call) && describe(thread->id, &info, step)) {
        step->number = ++count;
        if (count == wanted)
            hit = *step;
        if (wanted && (count == wanted || (for_good && action == ERRNO && count > wanted && can_fail(step))))
            thread->in_call = act(thread->id, &info, step);
        if (trace)
            thread->in_call = 1;
        if (thread->in_call)
            resume = PTRACE_SYSCALL;
    }
    ptrace(resume, thread->id, 0, 0);
}

/* A thread is at the end of a call that was waited for. */
static void ends(struct thread *thread)
{
    struct __ptrace_syscall_info info;
    thread->in_call = 0;
    ptrace(PTRACE_GET_SYSCALL_INFO, thread->id, sizeof info, &info);
    if (trace) {
        fprintf(trace, "%ld\t%d\t", thread->step.number, thread->id);
        put_step(trace, &thread->step);
        fprintf(trace, "\t%lld\n", (long long)info.exit.rval);
    }
    if (action == AFTER && thread->step.number == wanted)
        kill_all();
    ptrace(PTRACE_CONT, thread->id, 0, 0);
}

/* Goes on until nothing is left of the command; gives its exit code. */
static int follow(pid_t command)
{
    int code = 126;
    while (thread_count > 0) {
        int status;
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (!WIFSTOPPED(status)) {
            forget(id);
            if (id == command)
                code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        struct thread *thread = find(id);
        int is_new = thread == NULL;
        if (is_new)
            thread = add(id);
        if (killed || too_late) {
            kill(id, SIGKILL);
            ptrace(PTRACE_CONT, id, 0, 0);
            continue;
        }
        int signal = WSTOPSIG(status);
        int event = status >> 16;
        if (event == PTRACE_EVENT_SECCOMP)
            begins(thread);
        else if (signal == (SIGTRAP | 0x80))
            ends(thread);
        else if (event || signal == SIGTRAP || (signal == SIGSTOP && is_new))
            ptrace(PTRACE_CONT, id, 0, 0);
        else
            ptrace(PTRACE_CONT, id, 0, signal);
    }
    return code;
}

/* In the child: asks to be traced, sets the filter, becomes the command. */
static void become(char **words)
{
    struct sock_filter filter[CALLS + 3];
    struct sock_fprog program = { CALLS + 3, filter };
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    close(null);
    filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        filter[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number,
                                 (unsigned char)(CALLS - i), 0);
    filter[CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[CALLS + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("step: seccomp");
        _exit(126);
    }
    execvp(words[0], words);
    perror("step: exec");
    _exit(127);
}

static int usage(void)
{
    fprintf(stderr, "usage: step [-p PREFIX]... [-n N] [-a before|after|errno|short|stand] [-e ERRNO] [-f] [-r] "
            "[-c CALL,...] [-t TRACE] [-T SECONDS] -- COMMAND...\n");
    return 2;
}

static int set_action(const char *name)
{
    for (int i = BEFORE; i <= STAND; i++) {
        if (strcmp(name, action_names[i]) == 0) {
            action = (enum action)i;
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "+p:n:a:e:frc:t:T:")) != -1) {
        switch (option) {
        case 'p':
            if (prefix_count == sizeof prefixes / sizeof *prefixes)
                return usage();
            prefixes[prefix_count++] = optarg;
            break;
        case 'n':
            wanted = atol(optarg);
            break;
        case 'a':
            if (!set_action(optarg))
                return usage();
            break;
        case 'e':
            error_number = atoi(optarg);
            break;
        case 'f':
            for_good = 1;
            break;
        case 'r':
            reads_too = 1;
            break;
        case 'c':
            only = optarg;
            break;
        case 't':
            trace = fopen(optarg, "w");
            if (!trace) {
                perror(optarg);
                return 126;
            }
            setlinebuf(trace); /* it may be read while a thread stands still */
            break;
        case 'T':
            seconds = (unsigned)atoi(optarg);
            break;
        default:
            return usage();
        }
    }
    if (optind >= argc)
        return usage();

    pid_t command = fork();
    if (command == 0)
        become(argv + optind);
    int status;
    waitpid(command, &status, 0);
    if (ptrace(PTRACE_SETOPTIONS, command, 0,
           PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
               PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) {
        perror("step: ptrace");
        return 126;
    }
    struct sigaction alarmed = { .sa_handler = on_alarm }; /* without SA_RESTART: it ends a wait */
    sigaction(SIGALRM, &alarmed, NULL);
    signal(SIGPIPE, SIG_IGN); /* whoever listened may be gone */
    alarm(seconds);
    add(command);
    ptrace(PTRACE_CONT, command, 0, 0);
    int code = follow(command);
    if (trace)
        fclose(trace);
    tell("done", count, hit.number ? "1\t" : "0\t", &hit);
    return too_late ? 124 : killed ? 137 : code;
}
