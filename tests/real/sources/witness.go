// Calls each server by STARTTLS and verifies it by crypto/tls, then says EHLO once more:
//     witness NAME PORT CAFILE [PORT CAFILE]…
// Prints its version, then a line for each: port, tab, "" or why it refuses.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	fmt.Println("Go " + strings.TrimPrefix(runtime.Version(), "go"))
	for n := 2; n+1 < len(os.Args); n += 2 {
		why := ""
		if err := call(os.Args[1], os.Args[n], os.Args[n+1]); err != nil {
			why = strings.Join(strings.Fields(err.Error()), " ")
		}
		fmt.Printf("%s\t%s\n", os.Args[n], why)
	}
}

func call(name, port, file string) error {
	anchors, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(anchors)
	socket, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(10 * time.Second))
	if err = say(socket, "", "EHLO witness.example.test\r\n", "STARTTLS\r\n"); err != nil {
		return err
	}
	return say(tls.Client(socket, &tls.Config{ServerName: name, RootCAs: pool}), "EHLO witness.example.test\r\n")
}

func say(socket net.Conn, lines ...string) error {
	reader := bufio.NewReader(socket)
	for _, line := range lines {
		if _, err := fmt.Fprint(socket, line); err != nil {
			return err
		}
		for more := true; more; {
			text, err := reader.ReadString('\n')
			if err != nil {
				return err
			}
			more = len(text) > 3 && text[3] == '-'
		}
	}
	return nil
}
