// Command apngen makes the embedded APN table of package provision.
//
//	apngen [-rows DIR] [-out FILE]                      source rows → packed table
//	apngen import -lineageos DIR -mbpi FILE [-rows DIR]  upstream sets → source rows
//
// The source rows (lineageos.tsv, mbpi.tsv) are kept in the repository: building
// needs no upstream checkout. Import is run by a person who takes a newer version
// of the sets; it also records nothing about versions, so README.md beside the rows
// has to be brought up to date by the same person. Both verbs are deterministic.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of source rows, and what a reader must know of each.
const (
	lineageFile = "lineageos.tsv"
	mbpiFile    = "mbpi.tsv"

	lineageHead = "SPDX-License-Identifier: Apache-2.0\n" +
		"SPDX-FileCopyrightText: Google Inc\n" +
		"SPDX-FileCopyrightText: The LineageOS Project\n" +
		"Reduced from LineageOS android_vendor_apn by tools/apngen import; see README.md."
	mbpiHead = "Public domain dedication, see COPYING.mbpi.\n" +
		"Reduced from GNOME mobile-broadband-provider-info by tools/apngen import; see README.md."
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "import" {
		return runImport(args[1:], stderr)
	}
	flags := flag.NewFlagSet("apngen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("rows", "provision/apn", "folder of the source rows")
	out := flags.String("out", "provision/apn/table.gz", "packed table to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	packed, err := generate(*dir)
	if err != nil {
		return err
	}
	return os.WriteFile(*out, packed, 0o644)
}

func runImport(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("apngen import", flag.ContinueOnError)
	flags.SetOutput(stderr)
	lineage := flags.String("lineageos", "", "folder with one XML file a country (android_vendor_apn)")
	mbpi := flags.String("mbpi", "", "serviceproviders.xml (mobile-broadband-provider-info)")
	dir := flags.String("rows", "provision/apn", "folder of the source rows to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := importLineage(*lineage)
	if err != nil {
		return err
	}
	if err := writeRows(filepath.Join(*dir, lineageFile), lineageHead, rows); err != nil {
		return err
	}
	if rows, err = importMBPI(*mbpi); err != nil {
		return err
	}
	return writeRows(filepath.Join(*dir, mbpiFile), mbpiHead, rows)
}

// generate reads the source rows in dir and returns the packed table.
func generate(dir string) ([]byte, error) {
	lineage, err := readRows(filepath.Join(dir, lineageFile))
	if err != nil {
		return nil, err
	}
	mbpi, err := readRows(filepath.Join(dir, mbpiFile))
	if err != nil {
		return nil, err
	}
	return pack(merge(lineage, mbpi))
}
