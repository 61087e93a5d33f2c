/* For guests of tests: static, and without the resolver that crashes a static busybox.
     guest_tool resolve NAME                 its IPv6 address, asked of 169.254.0.1 as it is (no search list); exit 1: no such name
     guest_tool echo 4|6|46 PORT [NAME]      answers each datagram and each TCP connection with "NAME: " and what was said;
                                             4: on 0.0.0.0 only, 6: on [::], 46: TCP on [::] and UDP on 0.0.0.0
     guest_tool say udp|tcp ADDRESS PORT TEXT [SECONDS]      what is answered; exit 1: nothing came */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static socklen_t make_address(union address *into, const char *text, int port) {
    memset(into, 0, sizeof *into);
    if (inet_pton(AF_INET6, text, &into->six.sin6_addr) == 1) {
        into->six.sin6_family = AF_INET6;
        into->six.sin6_port = htons((unsigned short)port);
        return sizeof into->six;
    }
    into->four.sin_family = AF_INET;
    into->four.sin_port = htons((unsigned short)port);
    if (inet_pton(AF_INET, text, &into->four.sin_addr) != 1) exit(2);
    return sizeof into->four;
}

static int resolve(const char *name) {
    unsigned char packet[512] = {0x5e, 0xed, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, answer[1500];
    size_t size = 12;
    for (const char *label = name; *label && size + strlen(label) < 500;) {
        size_t length = strcspn(label, ".");
        packet[size++] = (unsigned char)length;
        memcpy(packet + size, label, length);
        size += length;
        label += length + (label[length] == '.');
    }
    memcpy(packet + size, "\0\0\x1c\0\1", 5); /* root, AAAA, IN */
    size += 5;
    union address server;
    socklen_t length = make_address(&server, "169.254.0.1", 53);
    for (int tries = 0; tries < 3; ++tries) {
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        connect(s, &server.any, length);
        if (send(s, packet, size, 0) < 0) return 2;
        struct pollfd wait = {s, POLLIN, 0};
        if (poll(&wait, 1, 5000) != 1) continue;
        ssize_t got = recv(s, answer, sizeof answer, 0);
        /* The first answer follows the question; its data are the last 16 bytes of its 28. */
        if (got < 12 || (answer[3] & 15) || !answer[7] || (size_t)got < size + 28) return 1;
        char text[64];
        puts(inet_ntop(AF_INET6, answer + size + 12, text, sizeof text));
        return 0;
    }
    return 1;
}

static int listener(int type, int four, int port) {
    union address here;
    socklen_t length = make_address(&here, four ? "0.0.0.0" : "::", port);
    int s = socket(four ? AF_INET : AF_INET6, type, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, &here.any, length) || (type == SOCK_STREAM && listen(s, 64))) {
        perror("guest_tool");
        exit(1);
    }
    return s;
}

static _Noreturn void echo(const char *families, int port, const char *name) {
    int tcp = listener(SOCK_STREAM, !strcmp(families, "4"), port), udp = listener(SOCK_DGRAM, strcmp(families, "6") != 0, port);
    char text[2000];
    size_t head = (size_t)snprintf(text, 200, "%s: ", name);
    for (;;) {
        struct pollfd waits[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}};
        poll(waits, 2, -1);
        if (waits[0].revents) {
            int s = accept(tcp, NULL, NULL);
            ssize_t got = read(s, text + head, sizeof text - head);
            if (got > 0 && write(s, text, head + (size_t)got) < 0) perror("write");
            close(s);
        }
        if (waits[1].revents) {
            union address from;
            socklen_t length = sizeof from;
            ssize_t got = recvfrom(udp, text + head, sizeof text - head, 0, &from.any, &length);
            if (got >= 0) sendto(udp, text, head + (size_t)got, 0, &from.any, length);
        }
    }
}

static int say(int type, const char *to, int port, const char *what, int seconds) {
    union address there;
    socklen_t length = make_address(&there, to, port);
    int s = socket(there.any.sa_family, type, 0);
    if (connect(s, &there.any, length) || write(s, what, strlen(what)) < 0) return 1;
    struct pollfd wait = {s, POLLIN, 0};
    char text[2000];
    size_t got = 0;
    do { /* TCP: to the end */
        if (poll(&wait, 1, seconds * 1000) != 1) break;
        ssize_t part = read(s, text + got, sizeof text - 1 - got);
        if (part <= 0) break;
        got += (size_t)part;
    } while (type == SOCK_STREAM && got < sizeof text - 1);
    if (!got) return 1;
    text[got] = 0;
    puts(text);
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "resolve")) return resolve(words[2]);
    if (count >= 4 && !strcmp(words[1], "echo")) echo(words[2], atoi(words[3]), count > 4 ? words[4] : "echo");
    if (count >= 6 && !strcmp(words[1], "say"))
        return say(!strcmp(words[2], "udp") ? SOCK_DGRAM : SOCK_STREAM, words[3], atoi(words[4]), words[5], count > 6 ? atoi(words[6]) : 5);
    fprintf(stderr, "usage: guest_tool resolve NAME | echo FAMILIES PORT [NAME] | say udp|tcp ADDRESS PORT TEXT [SECONDS]\n");
    return 2;
}
