# exposure-deadline.dts with as much as a manufacturer may write: awk -v board=FOLDER -v svd=FILE -f limits.awk
#
# Writes an exposure.dts on the standard output: 256 exposed blocks, whose labels are of 32 characters and differ in the last
# three, a claim that ends with 16 pieces of work, interrupts that capture 16 registers, eight programs at once and eight conveyors. Compiled code it forbids. To FILE it writes the registers: the board's, and those blocks.
BEGIN {
    count = 256 - 11
    print "/include/ \"" board "/exposure-deadline.dts\"\n/ {\n\tsoc {"
    for (i = 0; i < count; i++)
        printf "\t\t%s: timer@%x {\n\t\t\tcompatible = \"arm,cmsdk-timer\";\n\t\t\treg = <0x%x 0x1000>;\n\t\t};\n", name(i), at(i), at(i)
    print "\t};\n\n\texposure {\n\t\tsvd = \"" svd "\";\n"
    print "\t\tlimits {\n\t\t\thandlers = <32>;\n\t\t\tcaptures = <16>;\n\t\t\taccesses-per-pass = <1024>;\n\t\t\tprograms = <8>;\n\t\t\tconveyors = <8>;\n\t\t};\n"
    printf "\t\tserial1 {\n\t\t\tcaptures-max = <16>;\n\t\t\tsafe-state = "
    for (i = 0; i < 13; i++)
        printf "\"BAUDDIV 0x%x 0xfffff\", ", 16 + i
    print "\"CTRL 0x0 0xffffffff\";\n\t\t};"
    for (i = 0; i < count; i++)
        printf "\t\tchannel%d {\n\t\t\tregister-block = <&%s>;\n\t\t\taccess = \"mapped\";\n\t\t\tsafe-state = \"none\";\n\t\t};\n", i, name(i)
    print "\t};\n\n\tsystem-calls {\n\t\tsupervisor {\n\t\t\t/delete-node/ code-partition;\n\t\t};\n\t};\n};"
    while ((getline line < (board "/mps2-an386.svd")) > 0) {
        if (line ~ /<\/peripherals>/)
            for (i = 0; i < count; i++)
                printf "    <peripheral derivedFrom=\"VACANT1\"><name>CHANNEL%d</name><baseAddress>0x%x</baseAddress></peripheral>\n", i, at(i) > svd
        print line > svd
    }
}
function name(i) { return sprintf("sensor_channel_number_000000_%03d", i) }
function at(i) { return 1343225856 + 4096 * i }
