/* For guests of tests: static, and without the resolver that crashes a static busybox.
     guest_tool resolve NAME                 its IPv6 address, asked of 169.254.0.1 as it is (no search list); exit 1: no such name
     guest_tool echo 4|6|46 PORT [NAME]      answers each datagram and each TCP connection with "NAME: " and what was said;
                                             4: on 0.0.0.0 only, 6: on [::], 46: TCP on [::] and UDP on 0.0.0.0
     guest_tool dns 4|6|46 PORT              a DNS server: every question is answered with a TXT of how it was asked, "udp" or "tcp";
                                             names that begin with "big" do not fit into a datagram: ask again with TCP
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

/* The question of `size` bytes becomes its answer; 0: it is none. */
static size_t dns_answer(unsigned char *packet, size_t size, int over_tcp) {
    size_t end = 12;
    while (end < size && packet[end]) end += packet[end] + 1u;
    end += 5; /* root, type, class */
    if (size < 17 || end > size || (packet[2] & 0x80)) return 0;
    int truncated = !over_tcp && packet[12] >= 3 && !memcmp(packet + 13, "big", 3);
    packet[2] = (unsigned char)(0x84 | (packet[2] & 1) | (truncated ? 2 : 0)); /* an authoritative answer */
    packet[3] = 0;
    memcpy(packet + 4, "\0\1\0\0\0\0\0\0", 8);
    if (truncated) return end;
    packet[7] = 1;
    memcpy(packet + end, "\300\14\0\20\0\1\0\0\0\0\0\4\3", 13); /* the same name, TXT, IN, TTL 0, 4 bytes: 3 letters */
    memcpy(packet + end + 13, over_tcp ? "tcp" : "udp", 3);
    return end + 16;
}

static _Noreturn void dns(const char *families, int port) {
    int tcp = listener(SOCK_STREAM, !strcmp(families, "4"), port), udp = listener(SOCK_DGRAM, strcmp(families, "6") != 0, port);
    unsigned char text[2100];
    for (;;) {
        struct pollfd waits[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}};
        poll(waits, 2, -1);
        if (waits[0].revents) {
            int s = accept(tcp, NULL, NULL);
            size_t got = 0;
            for (ssize_t part; got < 2 || got < 2 + (size_t)(text[0] << 8 | text[1]); got += (size_t)part)
                if (got == 2000 || (part = read(s, text + got, 2000 - got)) <= 0) break;
            size_t size = got > 2 ? dns_answer(text + 2, got - 2, 1) : 0;
            text[0] = (unsigned char)(size >> 8), text[1] = (unsigned char)size;
            if (size && write(s, text, size + 2) < 0) perror("write");
            close(s);
        }
        if (waits[1].revents) {
            union address from;
            socklen_t length = sizeof from;
            ssize_t got = recvfrom(udp, text, 2000, 0, &from.any, &length);
            size_t size = got > 0 ? dns_answer(text, (size_t)got, 0) : 0;
            if (size) sendto(udp, text, size, 0, &from.any, length);
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
    if (count == 4 && !strcmp(words[1], "dns")) dns(words[2], atoi(words[3]));
    if (count >= 6 && !strcmp(words[1], "say"))
        return say(!strcmp(words[2], "udp") ? SOCK_DGRAM : SOCK_STREAM, words[3], atoi(words[4]), words[5], count > 6 ? atoi(words[6]) : 5);
    fprintf(stderr, "usage: guest_tool resolve NAME | echo FAMILIES PORT [NAME] | dns FAMILIES PORT | say udp|tcp ADDRESS PORT TEXT [SECONDS]\n");
    return 2;
}
