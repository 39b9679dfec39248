/* sleep0: the cheapest possible task that takes time. Static, without libc or dynamic loader: it sleeps for
 * as many seconds as its argument says (digits, with a decimal point or without) and exits with 0. */

#if defined(__x86_64__)
static long call(long number, long a, long b)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}
enum { NANOSLEEP = 35, EXIT_GROUP = 231 };
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b)
{
    register long n __asm__("x8") = number;
    register long x __asm__("x0") = a;
    register long y __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x) : "r"(n), "r"(y) : "memory");
    return x;
}
enum { NANOSLEEP = 101, EXIT_GROUP = 94 };
__asm__(".globl _start\n_start: mov x0, sp\n bl begin\n");
#else
#error "sleep0 knows the calls of x86_64 and aarch64 only"
#endif

/* Called with the stack as the kernel makes it: number of arguments, then the arguments. */
__attribute__((noreturn, used)) void begin(long *stack)
{
    struct { long seconds, nanoseconds; } time = {0, 0};
    const char *at = stack[0] > 1 ? (const char *)stack[2] : "";
    for (; *at >= '0' && *at <= '9'; at++)
        time.seconds = time.seconds * 10 + (*at - '0');
    if (*at == '.') {
        long unit = 100000000;
        for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
            time.nanoseconds += (*at - '0') * unit;
    }
    /* A signal that is not deadly may end the sleep early: the kernel leaves the rest. */
    while (call(NANOSLEEP, (long)&time, (long)&time) == -4) {
    }
    for (;;)
        call(EXIT_GROUP, 0, 0);
}
