/* Entry from a multiboot 1 loader (https://www.gnu.org/software/grub/manual/multiboot/), segments
 * and interrupt stubs. */

    .set MAGIC, 0x1BADB002
    .set FLAGS, 3                       /* modules on page borders, memory sizes wanted */

    .section .multiboot, "a"
    .align 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

    .text
    .globl guest_entry
guest_entry:
    cli
    cld
    movl $stack_top, %esp
    lgdt gdt_pointer
    ljmp $8, $1f
1:  movw $16, %cx
    movw %cx, %ds
    movw %cx, %es
    movw %cx, %ss
    movw %cx, %fs
    movw %cx, %gs
    pushl %ebx                          /* the loader's information */
    pushl %eax                          /* the loader's magic number */
    call guest_main
2:  cli
    hlt
    jmp 2b

/* One stub per vector: the number goes on the stack, the rest is common. An exception that pushes an
 * error code as well never returns, so the two frames need no difference. */
    .section .rodata
    .align 4
    .globl cpu_stubs
cpu_stubs:
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .long stub_\n
    .endr
    .irp n,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47
    .long stub_\n
    .endr

    .text
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
stub_\n:
    pushl $\n
    jmp stub_common
    .endr
    .irp n,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47
stub_\n:
    pushl $\n
    jmp stub_common
    .endr

stub_common:
    pushal
    cld
    pushl %esp
    call cpu_interrupt
    addl $4, %esp
    popal
    addl $4, %esp
    iret

    .section .rodata
    .align 8
gdt:
    .quad 0
    .quad 0x00CF9A000000FFFF            /* code, 4 GiB, flat */
    .quad 0x00CF92000000FFFF            /* data, 4 GiB, flat */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .bss
    .align 16
    .skip 32768
stack_top:

    .section .note.GNU-stack, "", @progbits
