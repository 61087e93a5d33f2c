/* probe ADDRESS PORT [SECONDS]: what a TCP server there answers to a small HTTP request, its first 300 bytes.
   Exit status 0: connected.  For hostile guests: static, and without the resolver that crashes a static busybox. */
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int patience = (argc > 3 ? atoi(argv[3]) : 5) * 1000;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)atoi(argv[2]))};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    int is6 = inet_pton(AF_INET6, argv[1], &six.sin6_addr) == 1;
    if (!is6 && inet_pton(AF_INET, argv[1], &four.sin_addr) != 1) return 2;
    if (is6 && IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr)) six.sin6_scope_id = if_nametoindex("eth0");
    int s = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(s, is6 ? (struct sockaddr *)&six : (struct sockaddr *)&four, is6 ? sizeof six : sizeof four);
    struct pollfd p = {s, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&p, 1, patience) != 1 || getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size) || error) return 1;
    const char *request = "GET / HTTP/1.0\r\nHost: x\r\n\r\n";
    if (write(s, request, strlen(request)) < 0) return 1;
    char answer[301];
    size_t got = 0;
    p.events = POLLIN;
    while (got < sizeof answer - 1 && poll(&p, 1, patience) == 1) {
        ssize_t n = read(s, answer + got, sizeof answer - 1 - got);
        if (n <= 0) break;
        got += (size_t)n;
    }
    answer[got] = 0;
    puts(answer);
    return 0;
}
